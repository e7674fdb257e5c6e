/** Fixture file to workload to programs. */
export * from './describe';
export * from './fixture';
export * from './fixture_show';
export * from './parse';
export * from './program';
export * from './scale';
export * from './step_grammar';
export * from './step_show';
export * from './workload';
