export * from './explain';
export * from './json';
export * from './list';
export * from './screen';
export * from './table';
export * from './words';
