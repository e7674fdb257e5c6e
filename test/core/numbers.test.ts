import type { Pfn } from '../../src/core/index';
import { addReader, RwSem } from '../../src/core/locks';
import { Numbers } from '../../src/core/numbers';
import { Pages } from '../../src/core/pages';

describe('names do not tell in which order tasks asked for them', () => {
  const orders: readonly (readonly number[])[] = [
    [0, 1, 2, 1],
    [1, 2, 1, 0],
    [2, 1, 0, 1],
  ];

  /** What each task was given, in its own order. */
  function given(order: readonly number[], take: (task: number) => number): string {
    const byTask: number[][] = [[], [], []];
    for (const task of order) byTask[task]!.push(take(task));
    return JSON.stringify(byTask);
  }
  const sharedNumbers = (): Numbers => {
    const numbers = new Numbers(5);
    numbers.take(0);
    numbers.share(3);
    return numbers;
  };
  const sharedPages = (): Pages => {
    const pages = new Pages();
    pages.alloc(1, 0);
    pages.share(3, 8);
    return pages;
  };

  test.each(orders)('numbers, asked for in the order %p, %p, %p, %p', (...order) => {
    const numbers = sharedNumbers();
    const first = sharedNumbers();
    expect(given(order, (task) => numbers.take(task))).toBe(given(orders[0]!, (task) => first.take(task)));
  });

  test.each(orders)('frames, asked for in the order %p, %p, %p, %p', (...order) => {
    const pages = sharedPages();
    const first = sharedPages();
    const frames = given(order, (task) => pages.alloc(1, 0, task));
    expect(frames).toBe(given(orders[0]!, (task) => first.alloc(1, 0, task)));
    expect(pages.count).toBe(first.count);
  });

  test('nobody is given what another was given', () => {
    const numbers = sharedNumbers();
    const pages = sharedPages();
    const all = [0, 1, 2, 0, 0, 1, 2, 2].map((task) => numbers.take(task));
    const frames = [0, 1, 2, 0, 0, 1, 2, 2].flatMap((task, i) => {
      const first = pages.alloc(i % 2 === 0 ? 1 : 8, 0, task);
      return Array.from({ length: i % 2 === 0 ? 1 : 8 }, (_, nr) => first + nr);
    });
    expect(new Set(all).size).toBe(all.length);
    expect(Math.min(...all)).toBe(6);
    expect(new Set(frames).size).toBe(frames.length);
    expect(Math.min(...frames)).toBeGreaterThan(1);
  });

  test('readers of mmap_sem stand in it in one order, whoever came first', () => {
    const [one, other] = [new RwSem(0, 'mmap_sem'), new RwSem(0, 'mmap_sem')];
    for (const task of [3, 1, 2, 1]) addReader(one, task);
    for (const task of [1, 1, 2, 3]) addReader(other, task);
    expect(one.readers).toEqual(other.readers);
  });
});

describe('a frame that was handed out for nothing', () => {
  /** Two tasks; the first has been given a frame. */
  function begun(): { pages: Pages; frame: Pfn } {
    const pages = new Pages();
    pages.share(2, 8);
    return { pages, frame: pages.alloc(1, 0, 0) };
  }

  test('leaves all as it was before', () => {
    const { pages } = begun();
    const before = { ...pages, refcount: [...pages.refcount], head: [...pages.head] };
    const second = pages.alloc(1, 0, 0);
    pages.takeBack(second, 0);
    expect(pages.exists(second)).toBe(false);
    expect({ ...pages, refcount: [...pages.refcount], head: [...pages.head] }).toEqual(before);
    expect(pages.alloc(1, 0, 0)).toBe(second);
  });

  test('is not taken back where the task has been given another one since', () => {
    const { pages, frame } = begun();
    const second = pages.alloc(1, 0, 0);
    pages.takeBack(frame, 0);
    expect([pages.exists(frame), pages.alloc(1, 0, 0) > second]).toEqual([true, true]);
  });

  test('is not taken back from another task', () => {
    const { pages, frame } = begun();
    pages.takeBack(frame, 1);
    expect(pages.exists(frame)).toBe(true);
  });
});
