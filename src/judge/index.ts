export type { Invariant } from './invariant';
export { invariants } from './invariants/index';
export { begin, judge } from './judge';
export type { Notes } from './notes';
export { observer } from './observer';
export { foundIn, prepareJudged } from './told';
export * from './verdict';
