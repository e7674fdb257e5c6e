/** The page of a variant in the HTML review: the Markdown page, as far as renderPage writes Markdown. */

export const htmlText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Its witnesses are stepped through instead. */
const LEFT_OUT = 'Witnesses';

export function pageHtml(markdown: string): string {
  const sections = markdown.split(/^(?=## )/m).filter((section) => !section.startsWith(`## ${LEFT_OUT}\n`));
  const lines = sections.join('').split('\n');
  const blocks: string[] = [];
  while (lines.length > 0) blocks.push(block(lines));
  return blocks.filter((text) => text !== '').join('\n');
}

/** Takes the lines of the first block. */
function block(lines: string[]): string {
  const first = lines[0]!;
  const fence = /^`{3,}/.exec(first)?.[0];
  if (fence) {
    const end = lines.indexOf(fence, 1);
    const text = lines.splice(0, end < 0 ? lines.length : end + 1).slice(1, end < 0 ? undefined : -1);
    return `<pre tabindex="0">${htmlText(text.join('\n'))}</pre>`;
  }
  const heading = /^(#+) (.*)$/.exec(first);
  if (heading) {
    lines.shift();
    // The page itself has the h1.
    const level = heading[1]!.length + 1;
    return `<h${level}>${inline(heading[2]!)}</h${level}>`;
  }
  if (first.startsWith('| ')) return table(takeWhile(lines, (line) => line.startsWith('| ')));
  if (first.startsWith('- ')) {
    const items = takeWhile(lines, (line) => line.startsWith('- '));
    return `<ul>${items.map((item) => `<li>${inline(item.slice(2))}</li>`).join('')}</ul>`;
  }
  lines.shift();
  return first === '' ? '' : `<p>${inline(first)}</p>`;
}

function takeWhile(lines: string[], isPart: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !isPart(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

function table([head = '', , ...rows]: readonly string[]): string {
  const row = (line: string, tag: string): string =>
    `<tr>${cellsOf(line)
      .map((cell) => `<${tag}>${inline(cell)}</${tag}>`)
      .join('')}</tr>`;
  const isNamed = cellsOf(head).some((cell) => cell !== '');
  const top = isNamed ? `<thead>${row(head, 'th')}</thead>` : '';
  return `<div class="wide" tabindex="0"><table>${top}<tbody>${rows.map((line) => row(line, 'td')).join('')}</tbody></table></div>`;
}

const cellsOf = (line: string): string[] => line.slice(2, -2).split(' | ');

/** What Markdown has escaped stays so, and what it has not is. */
const inline = (text: string): string =>
  text
    .replace(/&(?!amp;|lt;)/g, '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('\\|', '|')
    .replaceAll('\\>', '&gt;')
    .replace(/&lt;(https:\/\/[^\s>"&]+)>/g, '<a href="$1">$1</a>')
    .replace(/`([^`]+)`/g, '<code>$1</code>');
