/** Every invariant, in the order in which they are listed. */
import type { Invariant } from '../invariant';
import armedEntry from './armed-entry';
import armedStore from './armed-store';
import boundedRefault from './bounded-refault';
import loadSeesLastStore from './contents';
import contentsSurvive from './contents-survive';
import copyHasNoWriter from './copy-has-no-writer';
import cowIsolation from './cow-isolation';
import dirtyProvesOwnership from './dirty-proves-ownership';
import eventNeedsArming from './event-needs-arming';
import { dirtyCount, fileDirtySeen, fileNotified } from './file-dirty';
import freedPage from './freed-page';
import hintKeepsWrite from './hint-keeps-write';
import { lockDiscipline, noBadPage, noReachableBug, noWildPage } from './kernel-bug';
import locksReleased from './locks-released';
import markExclusive from './mark-exclusive';
import noDeadlock from './no-deadlock';
import noEfault from './no-efault';
import noSigbus from './no-sigbus';
import { mapcounts, noLeak, refcounts } from './page-counts';
import sharedSpecials from './shared-specials';
import { softDirtyKept, softDirtyRead, softDirtyTrue } from './soft-dirty';
import staleStore from './stale-store';
import strayMark from './stray-mark';
import vmWrite from './vm-write';
import waitersAreWoken from './waiters-are-woken';

export const invariants: readonly Invariant[] = [
  noSigbus,
  noEfault,
  boundedRefault,
  waitersAreWoken,
  vmWrite,
  cowIsolation,
  sharedSpecials,
  freedPage,
  staleStore,
  copyHasNoWriter,
  loadSeesLastStore,
  contentsSurvive,
  dirtyProvesOwnership,
  armedStore,
  armedEntry,
  markExclusive,
  softDirtyKept,
  softDirtyRead,
  fileNotified,
  fileDirtySeen,
  dirtyCount,
  noReachableBug,
  noBadPage,
  noWildPage,
  lockDiscipline,
  locksReleased,
  noDeadlock,
  refcounts,
  mapcounts,
  noLeak,
  eventNeedsArming,
  softDirtyTrue,
  strayMark,
  hintKeepsWrite,
];
