/** `faultline completion`: what a shell needs to complete commands, options and ids. */
import { Argument, Command } from 'commander';
import { builtInFixtures } from '../compare/load';
import { variants } from '../variants/index';
import { exit } from './failure';
import { examples, type Run } from './options';
import type { Terminal } from './terminal';

type Add = (program: Command, terminal: Terminal, run: Run) => void;

/** @param commands all commands, to read their options from */
export function addCompletion(
  program: Command,
  terminal: Terminal,
  run: Run,
  commands: Readonly<Record<string, Add>>,
): void {
  program
    .command('completion')
    .description('A script with which a shell completes commands, options and ids.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      examples(
        'faultline completion bash > ~/.local/share/bash-completion/completions/faultline',
        'source <(faultline completion zsh)',
      ),
    )
    .action((shell: string) =>
      run(() => {
        terminal.stdout.write(completionScript(shell, optionsOf(commands, terminal, run)));
        return exit.done;
      }),
    );
}

function optionsOf(
  commands: Readonly<Record<string, Add>>,
  terminal: Terminal,
  run: Run,
): Map<string, readonly string[]> {
  return new Map(
    Object.entries(commands).map(([name, add]) => {
      const program = new Command();
      if (name !== 'completion') add(program, terminal, run);
      const options = program.commands.flatMap((one) => one.options.map(({ long }) => long ?? ''));
      const below = program.commands.flatMap((one) => one.commands.map((sub) => sub.name()));
      return [name, [...below, ...options, '--help']];
    }),
  );
}

function completionScript(shell: string, options: ReadonlyMap<string, readonly string[]>): string {
  const ids = variants.map(({ meta }) => meta.id).join(' ');
  const cases = [...options].map(([name, words]) => `    ${name}) words="${words.join(' ')}" ;;`);
  const bash = `_faultline() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  local variants="${ids}"
  local fixtures="${builtInFixtures().join(' ')}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...options.keys()].join(' ')} --help --version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
    check | diff) words="$words $variants" ;;
    explain | replay)
      if [ "$COMP_CWORD" -eq 2 ]; then words="$words $fixtures"; else words="$words $variants"; fi ;;
  esac
  case "$before" in
    --variant | --base | --differ) words="$variants" ;;
    --fixture) words="$fixtures" ;;
    list) words="variants fixtures invariants functions signs" ;;
    completion) words="bash zsh" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _faultline faultline
`;
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}
