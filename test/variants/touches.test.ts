import { variants } from '../../src/variants';
import { sourcesUnder } from '../support/source';

/** `file:function` as the comment of each kernel function cites it, by the name that the function has with us. */
function citations(): Map<string, string> {
  const found = new Map<string, string>();
  const pattern =
    /\/\*\*\n \* ([\w./-]+\.[chS]:\w+)\(\)(?:(?!\*\/)[\s\S])*\*\/\nexport (?:function\*?|const) (\w+)/g;
  for (const { text } of sourcesUnder('src/core/kernel', '.ts')) {
    for (const [, cited, name] of text.matchAll(pattern)) found.set(name!, cited!);
  }
  return found;
}

/** Functions of ours that stand for a part of a kernel function without citing it. */
const parts: Readonly<Record<string, string>> = {
  swpMarks: 'mm/rmap.c:try_to_unmap_one',
  unmapPte: 'mm/rmap.c:try_to_unmap_one',
  unmapAnonPte: 'mm/rmap.c:try_to_unmap_one',
  faultOnNonSwapEntry: 'mm/memory.c:do_swap_page',
  scanVerdict: 'mm/khugepaged.c:khugepaged_scan_pmd',
};

const built = variants.filter(({ meta }) => meta.builds);

describe('touches', () => {
  const cited = citations();
  test.each(built.map((variant) => [variant.meta.id, variant] as const))('%s', (_id, { meta, kernel }) => {
    const hooks = Object.keys(kernel).map((name) => parts[name] ?? cited.get(name) ?? name);
    expect(meta.touches).toEqual([...new Set(hooks)]);
  });
});

test.each(variants.map(({ meta }) => [meta.id, meta] as const))(
  '%s is based on and supersedes known variants',
  (_id, meta) => {
    const ids = variants.map((variant) => variant.meta.id);
    const named = meta.base === null ? meta.supersedes : [meta.base, ...meta.supersedes];
    expect(named.filter((id) => !ids.includes(id))).toEqual([]);
    expect(meta.defects !== undefined).toBe(!meta.builds);
  },
);
