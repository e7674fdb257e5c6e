import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { htmlText, renderHtml, scriptData } from '../../src/report/html';
import type { Review } from '../../src/report/review';
import { broken, comparisonOf, meta, trace } from './sample';

const comparison = comparisonOf([meta('idea'), meta('other')], ['ksm', 'thp', 'swap']);
const review: Review = {
  comparison,
  about: '',
  variants: [
    {
      meta: meta('idea'),
      bases: [],
      carries: [],
      supersededBy: [],
      functions: [],
      observations: [],
      reduced: [],
      witnesses: [
        {
          fixture: 'ksm',
          broken: broken('sigbus-loop')[0]!,
          trace,
          replay: { fixture: 'ksm', variant: 'idea', token: 'a3b2a-123456' },
        },
      ],
    },
  ],
};
const html = renderHtml(review);

describe('the HTML review', () => {
  test('needs no network', () => expect(html).not.toMatch(/(src|href)="(?!#)|url\(|@import/));
  test('has a cell for each fixture and variant', () => expect(html.match(/<td /g)).toHaveLength(6));
  test.each([{ text: '</script><b a="1">&', shown: '&lt;/script&gt;&lt;b a=&quot;1&quot;&gt;&amp;' }])(
    'shows $text as text',
    ({ text, shown }) => {
      expect(htmlText(text)).toBe(shown);
      expect(scriptData(text)).not.toContain('<');
      expect(JSON.parse(scriptData(text))).toBe(text);
    },
  );
});

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
if (!executablePath)
  process.stderr.write('html.test.ts: skipped: there is no Chromium (apt-get install chromium)\n');

(executablePath ? describe : describe.skip)('the HTML review in Chromium', () => {
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];
  const file = join(mkdtempSync(join(tmpdir(), 'faultline-')), 'report.html');

  beforeAll(async () => {
    writeFileSync(file, html);
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 375, height: 740 } });
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`file://${file}`);
  }, 60_000);
  afterAll(() => browser.close());

  test('filters by class', async () => {
    await page.click('input[value="unsafe-write"]');
    expect(await page.locator('tbody tr:visible th').allTextContents()).toEqual(['swap']);
    await page.click('input[value="all"]');
    expect(await page.locator('tbody tr:visible').count()).toBe(3);
  }, 30_000);

  test('goes from a cell to its witness and through its steps', async () => {
    await page.click('td a[href="#ksm/idea"]');
    expect(await page.textContent('.bar a')).toBe('step 1 of 14');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    expect(await page.textContent('.bar a')).toBe('step 13 of 14');
    await page.click('button:has-text("back")');
    expect(page.url()).toMatch(/#ksm\/idea\/a3b2a-123456\/12$/);
  }, 30_000);

  test('shows what a step changed, from a link to it', async () => {
    const link = await page.locator('.line:has-text("P-WDAS--")').first().getAttribute('href');
    await page.goto(`file://${file}${link}`);
    await page.reload();
    expect(await page.textContent('.state .now')).toBe('pte guest[127]  1151 P-WDAS-- → 1151 P--DAS--');
  }, 30_000);

  test('fits a phone, without errors', async () => {
    expect(await page.locator('html').evaluate((node) => node.scrollWidth)).toBeLessThanOrEqual(375);
    expect(errors).toEqual([]);
  }, 30_000);
});
