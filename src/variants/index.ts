/** All variants, in the order in which they are compared: proposals by their date, then kernels by theirs. */
import type { Variant } from '../core';
import dirtyAccountableFalse from './dirty-accountable-false';
import linux419 from './linux-4.19';
import linux59 from './linux-5.9';
import linux512 from './linux-5.12';
import linux61 from './linux-6.1/index';
import linux612 from './linux-6.12/index';
import linux618 from './linux-6.18';
import mkwriteEveryEntry from './mkwrite-every-entry';
import mkwriteReuse from './mkwrite-reuse';
import mkwriteReuseAsPosted from './mkwrite-reuse-as-posted';
import mkwriteReuseRepaired from './mkwrite-reuse-repaired';
import pageDirtyCheck from './page-dirty-check';
import pageDirtyInline from './page-dirty-inline';
import splitMarksPtesDirty from './split-marks-ptes-dirty';
import uffdWp2018 from './uffd-wp-2018';
import uffdWpBit from './uffd-wp-bit';
import wpUnderWriteLock from './wp-under-write-lock';
import wrprotectFlushCounter from './wrprotect-flush-counter';

export const variants: readonly Variant[] = [
  uffdWp2018,
  splitMarksPtesDirty,
  pageDirtyInline,
  pageDirtyCheck,
  dirtyAccountableFalse,
  mkwriteEveryEntry,
  mkwriteReuseAsPosted,
  mkwriteReuse,
  mkwriteReuseRepaired,
  wpUnderWriteLock,
  wrprotectFlushCounter,
  linux419,
  uffdWpBit,
  linux59,
  linux512,
  linux61,
  linux612,
  linux618,
];
