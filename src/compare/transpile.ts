/** TypeScript of a user, made to run: ts-node with swc, which looks at syntax and not at types. */
import { InputError } from './input';

type Service = import('ts-node').Service;
let service: Service | null = null;

/**
 * @param path the file, absolute
 * @param shown the file as messages name it
 * @param top folder in which ts-node finds the compilers
 */
export function compileTypeScript(text: string, path: string, shown: string, top: string): string {
  service ??= newService(top);
  try {
    // Under a name of its own, or ts-node would translate the places of errors before source_places.ts does.
    return service.compile(text, `${path}.compiled.ts`);
  } catch (error) {
    throw new InputError('input', syntaxError(text, shown) ?? `${shown}: ${firstLine(error)}`);
  }
}

function newService(top: string): Service {
  const { create } = require('ts-node') as typeof import('ts-node');
  return create({
    swc: true,
    skipProject: true,
    cwd: top,
    ignore: [],
    compilerOptions: {
      module: 'commonjs',
      moduleResolution: 'node10',
      target: 'es2022',
      ignoreDeprecations: '6.0',
    },
  });
}

const firstLine = (error: unknown): string =>
  String((error as Error).message)
    .trim()
    .split('\n')[0]!;

/** What TypeScript's own parser says, which names the place exactly. */
function syntaxError(text: string, shown: string): string | null {
  const ts = require('typescript') as typeof import('typescript');
  const { diagnostics = [] } = ts.transpileModule(text, { fileName: shown, reportDiagnostics: true });
  const [first] = diagnostics.filter((one) => one.category === ts.DiagnosticCategory.Error && one.file);
  if (!first?.file) return null;
  const { line, character } = first.file.getLineAndCharacterOfPosition(first.start ?? 0);
  return `${shown}:${line + 1}:${character + 1}: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`;
}
