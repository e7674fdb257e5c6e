// For programs that run from the source: TypeScript, with the kernel's generators made resumable as the build does.
const { join } = require('node:path');
require('ts-node').register({ swc: true, cwd: join(__dirname, '..') });

const source = join(__dirname, '..', 'src');
const { resumableFolders, resumableModule } = require('../src/compare/resumable');
const runtime = join(source, 'core', 'frame');
const folders = resumableFolders.map((name) => join(source, name, '/'));

const compileTypeScript = require.extensions['.ts'];
require.extensions['.ts'] = (module, file) => {
  if (folders.some((folder) => file.startsWith(folder))) {
    const compile = module._compile;
    module._compile = function (code, name) {
      return compile.call(this, resumableModule(code, runtime), name);
    };
  }
  return compileTypeScript(module, file);
};
