/** The review as one HTML file that needs no network: the matrix, the page of each variant, the run of each cell. */

import { deflateRawSync } from 'node:zlib';
import type { Comparison } from '../compare/comparison';
import { type Mark, unmarked } from './against';
import { htmlText, pageHtml } from './html_page';
import { htmlProgram } from './html_program';
import { packRuns, type ShownRun } from './html_runs';
import { htmlStyle } from './html_style';
import { unpackRuns } from './html_unpack';
import { searchedText } from './markdown';
import { renderPage } from './markdown_page';
import { boundText, finding, type Review, verdictAt, wordAt } from './review';
import { brokenOf, cellWord, classes, classWords, shardSays, verdictSentence } from './words';

export function renderHtml(review: Review, runs: Iterable<ShownRun>): string {
  const { comparison, mark } = review;
  const pages = review.variants.map((one) => [one.meta.id, pageHtml(renderPage(one, review))]);
  const data = { cells: cellsOf(comparison), pages: Object.fromEntries(pages), ...packRuns(runs) };
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>faultline review</title><style>${htmlStyle}</style></head>
<body><header><h1>Review</h1><p>${htmlText(searchedText(comparison))}</p><p>${htmlText(review.besideKernels ?? '')}</p></header>
<main>${filters()}${matrix(comparison, mark ?? unmarked)}
${mark ? '<p class="hint">&gt;&gt; is new against the saved comparison.</p>' : ''}${shardHint(comparison)}
<p class="hint">A cell opens the run behind it: what breaks, or how it enters the window and comes out of it; the name of a
variant opens its page: what it changes, what was said, observed and found, what it costs. Keys: arrows
and Enter in the table; in a run left and right for a step, Home and End, Escape back to the table.</p>
<section id="cell" hidden></section>
<h2>Findings</h2>${findings(comparison)}</main>
<noscript>The table and the findings are complete; the pages and the runs need JavaScript.</noscript>
<script type="text/plain" id="data">${deflated(JSON.stringify(data))}</script><script>${unpackRuns}${htmlProgram}</script></body></html>
`;
}

function shardHint(comparison: Comparison): string {
  const says = shardSays(comparison);
  return says === '' ? '' : `<p class="hint">/ is of another shard. ${htmlText(says)}</p>`;
}

/** As the browser's DecompressionStream takes it: a review of every cell would be some megabytes long. */
const deflated = (text: string): string => deflateRawSync(text, { level: 9 }).toString('base64');

const cellsOf = (comparison: Comparison): Record<string, unknown> =>
  Object.fromEntries(
    comparison.cells.map(({ fixture, variant, verdict }) => [
      `${fixture}/${variant}`,
      {
        word: cellWord(verdict),
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

function matrix(comparison: Comparison, mark: Mark): string {
  const { fixtures, variants } = comparison;
  const heads = variants.map(
    ({ id, title }) =>
      `<th scope="col" title="${htmlText(title)}"><a href="#${encodeURIComponent(id)}">${htmlText(id)}</a></th>`,
  );
  const rows = fixtures.map(({ id, asks }) => {
    const cells = variants.map((variant) => {
      const verdict = verdictAt(comparison, id, variant.id);
      const found = verdict ? [...new Set(brokenOf(verdict).map((one) => one.class))] : [];
      const kind = verdict?.kind ?? 'none';
      return `<td data-classes="${found.join(' ')}"><a class="${kind}" href="#${encodeURIComponent(id)}/${encodeURIComponent(variant.id)}">${htmlText(mark(id, variant.id) + wordAt(comparison, id, variant.id))}</a></td>`;
    });
    return `<tr><th scope="row" title="${htmlText(asks)}">${htmlText(id)}</th>${cells.join('')}</tr>`;
  });
  return `<div class="wide" id="matrix" role="region" aria-label="Fixtures by variants"><table><thead><tr><th scope="col">fixture</th>${heads.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

const findings = (comparison: Comparison): string =>
  `<dl>${comparison.variants
    .map(
      (meta) =>
        `<dt><a href="#${encodeURIComponent(meta.id)}">${htmlText(meta.id)}</a></dt><dd>${htmlText(finding(comparison, meta))}</dd>`,
    )
    .join('\n')}</dl>`;
