// A step of the build: the generators of the kernel, its variants and its programs become resumable (core/frame.ts).
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { dirname, join, relative } = require('node:path');
const { resumableFolders, resumableModule } = require('../dist/compare/resumable.js');

const dist = join(__dirname, '..', 'dist');
const runtime = join(dist, 'core', 'frame');

for (const folder of resumableFolders) {
  for (const file of readdirSync(join(dist, folder), { recursive: true })) {
    if (!file.endsWith('.js')) continue;
    const path = join(dist, folder, file);
    const from = relative(dirname(path), runtime);
    writeFileSync(
      path,
      resumableModule(readFileSync(path, 'utf8'), from.startsWith('.') ? from : `./${from}`),
    );
  }
}
