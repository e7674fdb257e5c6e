/** Workloads that nobody wrote. */

export type { Finding } from './finding';
export { type FuzzOptions, type FuzzResult, fuzz } from './fuzz';
export { drafts, type GenerateOptions } from './generate';
export type { Found } from './ledger';
export { type FuzzPart, mergeFuzz } from './merge';
export {
  boundOf,
  type CampaignKey,
  foundOf,
  fuzzFormat,
  runsIn,
  type SavedFuzz,
  type SavedVariant,
  savedOf,
} from './saved';
export { type Failure, fuzzBounds, small } from './trial';
