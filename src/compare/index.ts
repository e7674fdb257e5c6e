export * from './compare';
export * from './comparison';
export * from './input';
export * from './load';
export * from './summary';
