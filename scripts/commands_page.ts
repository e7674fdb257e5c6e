/** docs/commands.md: the help of every command, as the command prints it. */
import { commandNames, main } from '../src/cli/main';

export function commandsPage(): string {
  const heading =
    '# Commands\n\nWhat `faultline COMMAND --help` prints at 80 columns. Made by `npm run generate`.\n';
  return [heading, ...commandNames.map((name) => `\n## ${name}\n\n\`\`\`text\n${helpOf(name)}\`\`\`\n`)].join(
    '',
  );
}

/** Help is printed before main() first waits for anything. */
function helpOf(command: string): string {
  let text = '';
  void main([command, '--help'], {
    stdout: { write: (more) => void (text += more) },
    stderr: { write: () => {} },
    env: {},
    onInterrupt: () => () => {},
  });
  return text.replace(/\n*$/, '\n');
}
