// Uses the example `chat` as people do: Chromium, two tabs, a restart of the server.
//
// CHAT is the example, CHROMIUM the browser, BROWSER_MODULES where playwright-core is installed,
// SCREENSHOTS where pictures go. Prints a line for each check that held and ends with 1 at the
// first that did not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const { CHAT, CHROMIUM, BROWSER_MODULES, SCREENSHOTS } = process.env;
const { chromium } = createRequire(BROWSER_MODULES + '/')('playwright-core');

const PATIENCE = 30_000; // ms, more than any step needs on a busy machine

// ---- The server -----------------------------------------------------------------------------

let server = null;

const start = async (addr) => {
  server = spawn(CHAT, ['--addr', addr], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: server.stdout })) {
    const listening = /^listening on (.*)$/.exec(line);
    if (listening) return listening[1];
  }
  throw new Error('the server did not say `listening on ADDR`');
};

const stop = async () => {
  const ending = server;
  const ended = once(ending, 'exit');
  ending.kill('SIGTERM');
  const [code] = await ended;
  assert.equal(code, 0, 'the server ends in order');
};

// ---- A tab, in the words of who uses it -----------------------------------------------------

class Tab {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('dialog', (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  async enter(origin, name) {
    await this.page.goto(origin);
    await this.page.getByLabel('Your name').fill(name);
    await this.page.keyboard.press('Enter');
    await this.is('connected');
  }

  is(state) {
    return this.page.locator(`#state[data-state="${state}"]`).waitFor();
  }

  async say(text) {
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.keyboard.press('Enter');
  }

  bubble(text) {
    return this.page.getByRole('log').locator('.bubble', { hasText: text });
  }

  // It is there, and it is there once.
  async hears(text) {
    await this.bubble(text).first().waitFor();
    assert.equal(await this.bubble(text).count(), 1, text);
  }

  async sees(...people) {
    const shown = this.page.getByRole('complementary', { name: 'Who is online' });
    await this.until(async () => {
      const texts = await shown.locator('li > span:last-child').allTextContents();
      assert.deepEqual(texts.sort(), people.sort());
    });
  }

  // Tries until it holds.
  async until(holds) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await holds();
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  picture(name) {
    return this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }
}

// ---- The checks -----------------------------------------------------------------------------

let checked = 0;
const tabs = [];

const check = async (what, holds) => {
  try {
    await holds();
  } catch (error) {
    for (const [number, tab] of tabs.entries()) await tab.picture(`failed-${number}`).catch(() => {});
    error.message = `${what}: ${error.message}`;
    throw error;
  }
  checked += 1;
  console.log(`ok  ${what}`);
};

const checkAll = async (browser) => {
  const addr = await start('127.0.0.1:0');
  const origin = `http://${addr}/`;
  const context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1180, height: 760 } });
  context.setDefaultTimeout(PATIENCE);
  const open = async () => {
    const tab = new Tab(await context.newPage());
    tabs.push(tab);
    return tab;
  };
  const ann = await open();
  const bob = await open();

  await check('the page asks for a name and joins with the keyboard alone', async () => {
    await ann.page.goto(origin);
    await ann.picture('welcome');
    await ann.enter(origin, 'Ann');
    await bob.enter(origin, 'Bob');
    const focused = await bob.page.evaluate(() => document.activeElement.id);
    assert.equal(focused, 'text');
  });

  await check('both see who is online', async () => {
    await ann.sees('Ann (you)', 'Bob');
    await bob.sees('Ann', 'Bob (you)');
  });

  await check('what one says both hear, once', async () => {
    await ann.say('Good morning! Does anyone hear me?');
    await bob.hears('Good morning!');
    await bob.say('Loud and clear.');
    await ann.hears('Loud and clear.');
    await ann.hears('Good morning!');
  });

  await check('what looks like HTML stays text', async () => {
    const html = '<img src=x onerror=alert(1)> & <b>bold</b>';
    await bob.say(html);
    await ann.hears(html);
    assert.equal(await ann.page.locator('#messages img, #messages b:has-text("bold")').count(), 0);
  });

  await check('lines are written with Shift and Enter', async () => {
    await ann.page.getByLabel('Message', { exact: true }).fill('One line');
    await ann.page.keyboard.press('Shift+Enter');
    await ann.page.keyboard.type('and another');
    await ann.page.keyboard.press('Enter');
    await bob.hears('One line\nand another');
  });

  await check('the latency is measured and shown', async () => {
    await ann.until(async () => {
      assert.match(await ann.page.locator('#latency').textContent(), /^\d+(\.\d)? ms$/);
    });
  });

  await check('the connection is compressed, and says so', async () => {
    const pill = ann.page.locator('#compression');
    assert.equal(await pill.textContent(), 'compressed');
    assert.match(await pill.getAttribute('title'), /^permessage-deflate/);
  });

  await check('a second room is a room of its own', async () => {
    await bob.page.getByLabel('Name of a new room').fill('Attic');
    await bob.page.keyboard.press('Enter');
    await bob.sees('Bob (you)');
    await ann.sees('Ann (you)');
    await bob.say('Nobody here?');
    await bob.hears('Nobody here?');
    await ann.page.getByRole('button', { name: 'attic, 1 online' }).click();
    await ann.sees('Ann (you)', 'Bob');
    await ann.hears('Nobody here?');
    assert.equal(await ann.bubble('Good morning!').count(), 0);
    await ann.say('I am.');
    await bob.hears('I am.');
    for (const tab of [bob, ann]) await tab.page.getByRole('button', { name: /^lobby, / }).click();
    await ann.sees('Ann (you)', 'Bob');
    await ann.hears('Good morning!');
    assert.equal(await ann.bubble('I am.').count(), 0);
  });

  await check('pictures are kept, light and dark, wide and narrow', async () => {
    await ann.picture('chat-light');
    await ann.page.emulateMedia({ colorScheme: 'dark' });
    await ann.picture('chat-dark');
    await bob.page.setViewportSize({ width: 390, height: 780 });
    await bob.page.waitForTimeout(300); // the panels slide away
    await bob.picture('chat-narrow');
    await bob.page.getByRole('button', { name: 'Rooms' }).click();
    await bob.page.getByRole('navigation', { name: 'Rooms' }).waitFor();
    await bob.page.waitForTimeout(300);
    await bob.picture('chat-narrow-rooms');
    await bob.page.keyboard.press('Escape');
    await bob.page.setViewportSize({ width: 1180, height: 760 });
    await ann.page.emulateMedia({ colorScheme: 'light' });
  });

  await check('nothing on the page complains', async () => {
    assert.deepEqual([...ann.complaints, ...bob.complaints], []);
  });

  await check('pages notice that the server is gone', async () => {
    await stop();
    for (const tab of [ann, bob]) {
      await tab.page.getByText('Connection lost.').waitFor();
    }
    await ann.say('Said while it was away.');
    await ann.page.locator('.message.pending').waitFor();
    await ann.picture('chat-offline');
  });

  await check('pages come back by themselves and go on', async () => {
    await start(addr);
    for (const tab of [ann, bob]) await tab.is('connected');
    await ann.sees('Ann (you)', 'Bob');
    await bob.sees('Ann', 'Bob (you)');
    await bob.say('Back again.');
    await ann.hears('Back again.');
    assert.equal(await ann.page.getByText('Connection lost.').isVisible(), false);
  });

  await check('what was said meanwhile arrives, once', async () => {
    for (const tab of [ann, bob]) await tab.hears('Said while it was away.');
    await ann.hears('Good morning!');
    assert.equal(await ann.page.locator('.message.pending').count(), 0);
  });

  await check('a reload comes back to the room', async () => {
    await bob.page.reload();
    await bob.is('connected');
    await ann.sees('Ann (you)', 'Bob');
    await bob.hears('Back again.');
  });

  await check('a name is changed without leaving the page', async () => {
    await bob.page.getByRole('button', { name: 'Change name' }).click();
    await bob.page.getByLabel('Your name').fill('Bert');
    await bob.page.keyboard.press('Enter');
    await ann.sees('Ann (you)', 'Bert');
    await bob.hears('Back again.');
  });

  await check('a name that cannot be one is refused with the reason', async () => {
    await bob.page.getByRole('button', { name: 'Change name' }).click();
    await bob.page.getByLabel('Your name').fill('Bob');
    await bob.page.getByLabel('Room', { exact: true }).fill('a/b');
    await bob.page.keyboard.press('Enter');
    await bob.page.getByRole('alert').getByText('a room is up to').waitFor();
  });

  await check('who closes the tab is gone for the others', async () => {
    await bob.page.close();
    await ann.sees('Ann (you)');
  });

  await check('a page of another origin is refused with 403', () => refused(context, addr));

  await stop();
  await context.close();
};

const refused = async (context, addr) => {
  const elsewhere = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<title>elsewhere</title>');
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  try {
    const tab = new Tab(await context.newPage());
    await tab.page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
    const outcome = await tab.page.evaluate((url) => new Promise((resolve) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve('open');
      socket.onclose = ({ code }) => resolve(`closed with ${code}`);
    }), `ws://${addr}/socket`);
    assert.equal(outcome, 'closed with 1006');
    await tab.until(async () => assert.match(tab.complaints.join(), /Unexpected response code: 403/));
    await tab.page.close();
  } finally {
    elsewhere.close();
    elsewhere.closeAllConnections();
  }
};

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-background-networking'],
  timeout: PATIENCE,
});
try {
  console.log(`Chromium ${browser.version()}`);
  await checkAll(browser);
  console.log(`${checked} checks held`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  server?.kill('SIGKILL');
  await browser.close();
}
