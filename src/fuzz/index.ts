/** Workloads that nobody wrote. */

export { type Finding, type FuzzOptions, type FuzzResult, fuzz } from './fuzz';
export { drafts, type GenerateOptions } from './generate';
export { type Failure, small } from './trial';
