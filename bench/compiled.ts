/** The compiled project: figures are of what users run, not of what a test transpiles. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const distFolder = join(__dirname, '..', 'dist');

if (!existsSync(distFolder)) throw new Error(`${distFolder} is missing: npm run build`);

export const core = require(join(distFolder, 'core', 'index.js')) as typeof import('../src/core/index');
export const variants = require(
  join(distFolder, 'variants', 'index.js'),
) as typeof import('../src/variants/index');
export const compare = require(
  join(distFolder, 'compare', 'index.js'),
) as typeof import('../src/compare/index');
export const explore = require(
  join(distFolder, 'explore', 'index.js'),
) as typeof import('../src/explore/index');
export const judge = require(join(distFolder, 'judge', 'index.js')) as typeof import('../src/judge/index');
export const workload = require(
  join(distFolder, 'workload', 'index.js'),
) as typeof import('../src/workload/index');
