/** Fixtures on real kernels. */
export * from './cannot_run';
export * from './debian_kernel';
export * from './live';
export * from './observation';
export * from './qemu';
export * from './steps';
