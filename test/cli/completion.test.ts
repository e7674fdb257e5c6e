import { execFileSync } from 'node:child_process';
import { faultline } from './terminal';

/** What bash offers after these words. */
function offered(script: string, words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const ask = `${script}\nCOMP_WORDS=(${line})\nCOMP_CWORD=${words.length - 1}\n_faultline\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).trim().split('\n');
}

describe('completion', () => {
  test.each([
    { words: ['faultline', 'co'], offers: ['compare', 'conform', 'completion'] },
    { words: ['faultline', 'diff', 'dirty-'], offers: ['dirty-accountable-false'] },
    { words: ['faultline', 'explain', 'thp-p'], offers: ['thp-partial'] },
    { words: ['faultline', 'explain', 'thp-partial', 'dirty-'], offers: ['dirty-accountable-false'] },
    { words: ['faultline', 'compare', '--fixture', 'thp-w'], offers: ['thp-whole'] },
    { words: ['faultline', 'compare', '--form'], offers: ['--format'] },
    { words: ['faultline', 'check', '--wat'], offers: ['--watch'] },
    { words: ['faultline', 'diff', '--con'], offers: ['--config'] },
    { words: ['faultline', 'new', 'v'], offers: ['variant'] },
  ])('$words', async ({ words, offers }) => {
    const { code, stdout } = await faultline(['completion', 'bash']);
    expect(code).toBe(0);
    expect(offered(stdout, words)).toEqual(offers);
  });

  test('for zsh is that of bash', async () => {
    const { stdout } = await faultline(['completion', 'zsh']);
    expect(stdout).toMatch(/^autoload -U \+X bashcompinit && bashcompinit\n_faultline\(\) \{/);
  });

  test('knows these two', async () => {
    expect((await faultline(['completion', 'fish'])).stderr).toContain('Allowed choices are bash, zsh');
  });
});
