export * from './describe';
export * from './execution';
export * from './explore';
export * from './schedule';
export type { Future } from './seen';
export * from './start';
export * from './trace';
export * from './trace_run';
export * from './witness';
