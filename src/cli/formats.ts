/** How a comparison is written: one row per format. What a format needs is loaded only when it is asked for. */
import type { Comparison } from '../compare/comparison';
import type { LoadedFixture, LoadedVariant } from '../compare/load';
import type { Mark } from '../report/against';
import type { Screen } from '../report/screen';

export const formats = ['table', 'json', 'markdown', 'html', 'lkml', 'ktap', 'junit'] as const;
export type Format = (typeof formats)[number];

export interface Compared {
  readonly comparison: Comparison;
  readonly fixtures: readonly LoadedFixture[];
  readonly variants: readonly LoadedVariant[];
  /** What is marked as new against a saved comparison, where a format has a place for it. */
  readonly mark?: Mark;
}

interface FormatRow {
  /** Of a file that holds it. */
  readonly ending: string;
  readonly render: (compared: Compared, screen: Screen) => string;
}

const review = (): typeof import('./review') => require('./review');

/** On how much the model and real kernels agree, which is what every report is worth. */
const figures = (): typeof import('../conform/figures') => require('../conform/figures');
const brief = (): string => figures().figuresBriefly();

const rows: Readonly<Record<Format, FormatRow>> = {
  table: {
    ending: 'txt',
    render: ({ comparison }, screen) =>
      (require('../report/table') as typeof import('../report/table')).renderTable(
        comparison,
        screen,
        brief(),
      ),
  },
  json: {
    ending: 'json',
    render: ({ comparison }) =>
      (require('../report/json') as typeof import('../report/json')).renderJson(
        comparison,
        figures().figuresHere(),
      ),
  },
  markdown: {
    ending: 'md',
    render: ({ comparison }) => {
      const { renderMarkdown } = require('../report/markdown') as typeof import('../report/markdown');
      return `${renderMarkdown(comparison)}\n${figures().figuresSentence()}\n`;
    },
  },
  html: {
    ending: 'html',
    render: (compared) => {
      const { renderHtml } = require('../report/html') as typeof import('../report/html');
      const { runsOf } = require('./runs') as typeof import('./runs');
      return renderHtml(review().reviewOf(compared), runsOf(compared));
    },
  },
  lkml: {
    ending: 'mbox',
    render: (compared) => {
      const { renderMbox } = require('../report/lkml') as typeof import('../report/lkml');
      return renderMbox(review().reviewOf(compared));
    },
  },
  ktap: {
    ending: 'ktap',
    render: ({ comparison }) =>
      (require('../report/ktap') as typeof import('../report/ktap')).renderKtap(comparison, brief()),
  },
  junit: {
    ending: 'xml',
    render: ({ comparison }) =>
      (require('../report/junit') as typeof import('../report/junit')).renderJunit(comparison, brief()),
  },
};

export const formatOf = (format: Format): FormatRow => rows[format];
