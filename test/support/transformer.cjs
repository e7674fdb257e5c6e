/** TypeScript for the tests, with the kernel's generators made resumable as the build does. */
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join, sep } = require('node:path');
const { createTransformer } = require('@swc/jest');
require('ts-node').register({ swc: true, cwd: join(__dirname, '..', '..') });
const { resumableFolders, resumableModule } = require('../../src/compare/resumable');

const source = join(__dirname, '..', '..', 'src');
const folders = [
  ...resumableFolders.map((name) => join(source, name) + sep),
  join(__dirname, '..', 'kernels') + sep,
];
const version = createHash('sha256')
  .update(readFileSync(join(source, 'compare', 'resumable.ts')))
  .digest('hex');

module.exports = {
  createTransformer(options) {
    const swc = createTransformer(options);
    return {
      getCacheKey: (...args) => swc.getCacheKey(...args) + version,
      process(text, file, ...rest) {
        const compiled = swc.process(text, file, ...rest);
        if (!folders.some((folder) => file.startsWith(folder))) return compiled;
        return { ...compiled, code: resumableModule(compiled.code, join(source, 'core', 'frame')) };
      },
    };
  },
};
