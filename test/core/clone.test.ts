import { clone, defaultConfig, Machine, vaddr } from '../../src/core/index';

test('copies what it holds and nothing of it is shared', () => {
  const from = { list: [1, { two: 2 }], map: new Map([['a', new Set([1])]]), column: new Int32Array([1, 2]) };
  const copy = clone(from);
  expect(copy).toEqual(from);
  (copy.list[1] as { two: number }).two = 3;
  copy.map.get('a')!.add(2);
  copy.column[0] = 9;
  expect(from).toEqual({
    list: [1, { two: 2 }],
    map: new Map([['a', new Set([1])]]),
    column: new Int32Array([1, 2]),
  });
});

test('keeps what is shared shared, and circles closed', () => {
  const shared = { n: 1 };
  const from: Record<string, unknown> = { one: shared, other: [shared], map: new Map([[shared, 1]]) };
  from.self = from;
  const copy = clone(from);
  expect(copy.self).toBe(copy);
  expect((copy.other as unknown[])[0]).toBe(copy.one);
  expect([...(copy.map as Map<unknown, number>).keys()][0]).toBe(copy.one);
  expect(copy.one).not.toBe(shared);
});

test('keeps the class and its methods, and holes of arrays', () => {
  const holes = new Array<number>(3);
  holes[2] = 1;
  const copy = clone({
    holes,
    date: new (class Named {
      readonly n = 1;
      twice() {
        return this.n * 2;
      }
    })(),
  });
  expect(copy.date.twice()).toBe(2);
  expect(1 in copy.holes).toBe(false);
  expect(copy.holes).toHaveLength(3);
});

test('a function is not data', () => expect(clone({ f: () => 1, n: 1 })).toEqual({ f: null, n: 1 }));

test('a machine and its copy go their own ways', () => {
  const m = new Machine({ ...defaultConfig, entries: 8 });
  const mm = m.newMm('a');
  const task = m.newTask('vcpu', mm);
  const pmd = m.pmd_alloc(mm, vaddr(0x400000));
  const copy = clone(m);
  expect(copy.tasks[0]!.mm).toBe(copy.mms[0]);
  expect(copy.mm_find_pmd_slot(copy.mms[0]!, vaddr(0x400000))!.table).not.toBe(pmd.table);
  copy.tasks[0]!.spinlocks.push(pmd.table.lock);
  copy.pages.alloc(1, 0);
  expect(task.spinlocks).toEqual([]);
  expect(copy.pages.count).toBe(m.pages.count + 1);
});
