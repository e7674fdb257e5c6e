/**
 * In which order the mappings of an anonymous page are walked: by the first page that they could map, and where that
 * is the same, by when they came into the tree of the anon_vma. New bounds take a mapping out of it and put it in again,
 * so that a child's may come before its parent's. A search takes the processes in the order in which they were made.
 */
import {
  type AnyFunction,
  type Kernel,
  type KRun,
  Mapping,
  type Mm,
  mainline,
  type Pfn,
  type VariantKernel,
  type Vma,
} from '../core/index';

type Rest<F> = F extends (k: Kernel, ...rest: infer R) => unknown ? R : never;

export function rmapLayer(below: readonly VariantKernel[]): Record<string, AnyFunction> {
  const functions = Object.assign({}, mainline, ...below) as typeof mainline;
  const links = new Map<Vma, number>();
  let last = 0;
  const link = (vma: Vma): void => {
    if (vma.anon_vma !== 0) links.set(vma, ++last);
  };
  const place = (vma: Vma): number => links.get(vma) ?? 0;
  return {
    anon_vma_prepare(k: Kernel, vma: Vma): void {
      const isNew = vma.anon_vma === 0;
      functions.anon_vma_prepare(k, vma);
      if (isNew) link(vma);
    },
    *dup_vma(k: Kernel, ...[mm, mpnt, uf]: Rest<typeof mainline.dup_vma>): KRun<number> {
      const error = yield* functions.dup_vma(k, mm, mpnt, uf);
      for (const vma of mm.mmap) if (!links.has(vma)) link(vma);
      return error;
    },
    *__vma_adjust(k: Kernel, ...given: Rest<typeof mainline.__vma_adjust>): KRun<number> {
      const [vma, , , , insert] = given;
      const before = boundsOf(vma.vm_mm);
      const error = yield* functions.__vma_adjust(k, ...given);
      if (insert) link(insert);
      for (const one of vma.vm_mm.mmap) if (one !== insert && before.get(one) !== textOf(one)) link(one);
      return error;
    },
    *copy_vma(k: Kernel, ...given: Rest<typeof mainline.copy_vma>): ReturnType<typeof mainline.copy_vma> {
      const copied = yield* functions.copy_vma(k, ...given);
      if (typeof copied !== 'number' && !links.has(copied.new_vma)) link(copied.new_vma);
      return copied;
    },
    vmasOf(k: Kernel, page: Pfn): mainline.MappedIn[] {
      const found = functions.vmasOf(k, page);
      if (k.m.pages.mapping[k.m.compound_head(page)] !== Mapping.anon) return found;
      return found.sort((a, b) => a.vma.vm_pgoff - b.vma.vm_pgoff || place(a.vma) - place(b.vma));
    },
  } as Record<string, AnyFunction>;
}

const textOf = ({ vm_start, vm_end }: Vma): string => `${vm_start} ${vm_end}`;
const boundsOf = (mm: Mm): Map<Vma, string> => new Map(mm.mmap.map((vma) => [vma, textOf(vma)]));
