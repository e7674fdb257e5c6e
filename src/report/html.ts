/** The review as one HTML file that needs no network: the matrix, and a stepper through every witness. */

import type { TraceLine } from '../explore/index';
import { htmlProgram } from './html_program';
import { htmlStyle } from './html_style';
import { changeText } from './lanes';
import { searchedText } from './markdown';
import { boundText, finding, type Review, verdictAt, type Witness } from './review';
import { brokenOf, cellWord, classes, classWords, verdictSentence } from './words';

export const htmlText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Ends no script, whatever a text says. */
export const scriptData = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');

/** Each text once; everything else names it by its number. */
class Texts {
  readonly all: string[] = [];
  private readonly numbers = new Map<string, number>();
  at(text: string): number {
    const known = this.numbers.get(text);
    if (known !== undefined) return known;
    this.numbers.set(text, this.all.length);
    return this.all.push(text) - 1;
  }
}

export function renderHtml(review: Review): string {
  const texts = new Texts();
  const lines = new Texts();
  const runs = new Map<string, unknown>();
  const index: Record<string, string[]> = {};
  for (const { witnesses, meta } of review.variants) {
    for (const one of witnesses) {
      const key = `${one.fixture}/${meta.id}/${one.replay.token}`;
      if (!runs.has(key)) runs.set(key, packed(one, texts, lines));
      (index[`${one.fixture}/${meta.id}`] ??= []).push(key);
    }
  }
  const data = {
    texts: texts.all,
    lines: lines.all.map((line) => JSON.parse(line) as unknown),
    runs: Object.fromEntries(runs),
    index,
    cells: cellsOf(review),
  };
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>faultline review</title><style>${htmlStyle}</style></head>
<body><header><h1>Review</h1><p>${htmlText(searchedText(review.comparison))}</p></header>
<main>${filters()}${matrix(review)}
<section id="cell" aria-live="polite" hidden></section>
<h2>Findings</h2>${findings(review)}</main>
<noscript>The matrix and the findings are complete; stepping through a witness needs JavaScript.</noscript>
<script type="application/json" id="data">${scriptData(data)}</script><script>${htmlProgram}</script></body></html>
`;
}

/** Lines by their number; a line is [actor, depth, kind, text, changes], a change [object, before, after, text]. */
function packed({ trace, replay, broken, fixture }: Witness, texts: Texts, lines: Texts): unknown {
  return {
    fixture,
    invariant: broken.invariant,
    saw: broken.saw,
    actors: trace.actors,
    replay: `faultline replay ${replay.fixture} ${replay.variant} ${replay.token}`,
    before: trace.before.map(({ where, entry }) => [texts.at(where), texts.at(entry)]),
    lines: trace.lines.map((line) => lines.at(JSON.stringify(packedLine(line, texts)))),
  };
}

function packedLine({ actor, depth, kind, text, changes }: TraceLine, texts: Texts): unknown[] {
  const head = [actor, depth, texts.at(kind), texts.at(text)];
  if (changes.length === 0) return head;
  const packed = changes.map((one) =>
    [one.object, one.before, one.after, changeText(one).replaceAll('\u00a0', ' ')].map((part) =>
      texts.at(part),
    ),
  );
  return [...head, packed];
}

const cellsOf = ({ comparison }: Review): Record<string, unknown> =>
  Object.fromEntries(
    comparison.cells.map(({ fixture, variant, verdict }) => [
      `${fixture}/${variant}`,
      {
        says: verdictSentence(verdict),
        bound: boundText(verdict),
        broken: brokenOf(verdict).map((one) => `${one.invariant} (${one.class}): ${one.saw}`),
      },
    ]),
  );

const filters = (): string =>
  `<fieldset id="filters"><legend>Show fixtures that break</legend>${['all', ...classes]
    .map(
      (one, i) =>
        `<label><input type="radio" name="class" value="${one}"${i === 0 ? ' checked' : ''}> ${
          one === 'all' ? 'anything or nothing' : classWords[one as (typeof classes)[number]].word
        }</label>`,
    )
    .join('')}</fieldset>`;

function matrix({ comparison }: Review): string {
  const { fixtures, variants } = comparison;
  const heads = variants.map(
    ({ id, title }) => `<th scope="col" title="${htmlText(title)}">${htmlText(id)}</th>`,
  );
  const rows = fixtures.map(({ id, asks }) => {
    const cells = variants.map((variant) => {
      const verdict = verdictAt(comparison, id, variant.id);
      const found = verdict ? [...new Set(brokenOf(verdict).map((one) => one.class))] : [];
      const kind = verdict?.kind ?? 'none';
      return `<td data-classes="${found.join(' ')}"><a class="${kind}" href="#${encodeURIComponent(id)}/${encodeURIComponent(variant.id)}">${htmlText(cellWord(verdict))}</a></td>`;
    });
    return `<tr><th scope="row" title="${htmlText(asks)}">${htmlText(id)}</th>${cells.join('')}</tr>`;
  });
  return `<div class="wide" tabindex="0" role="region" aria-label="Fixtures by variants"><table><thead><tr><th scope="col">fixture</th>${heads.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

const findings = ({ comparison }: Review): string =>
  `<dl>${comparison.variants
    .map((meta) => `<dt>${htmlText(meta.id)}</dt><dd>${htmlText(finding(comparison, meta))}</dd>`)
    .join('\n')}</dl>`;
