import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

// Licences that a library of the page may have.
const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** The libraries whose code is in the bundle, each with its licence. */
function thirdParty(bundle) {
  const used = new Set(['uplot']); // its style sheet, too
  for (const chunk of Object.values(bundle)) {
    for (const id of chunk.moduleIds ?? []) {
      const found = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id);
      if (found) used.add(found[1]);
    }
  }
  const parts = [...used].sort().map((name) => {
    const home = `node_modules/${name}`;
    const { version, license } = JSON.parse(readFileSync(`${home}/package.json`, 'utf8'));
    if (!allowed.includes(license)) throw new Error(`${name}: licence ${license} is not one of ${allowed.join(', ')}`);
    return `${name} ${version} (${license})\n\n${readFileSync(`${home}/LICENSE`, 'utf8').trim()}\n`;
  });
  return `The page holds these libraries.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

export default defineConfig(async ({ command }) => ({
  plugins: [
    command === 'serve' && !process.env.VIEWER ? (await import('./dev/mock.js')).mock() : undefined,
    {
      name: 'third-party',
      generateBundle(_options, bundle) {
        this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source: thirdParty(bundle) });
      },
    },
  ],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // `VIEWER=http://localhost:8840 VIEWER_TOKEN=... npm run dev` shows a running collector's records.
  server: process.env.VIEWER
    ? {
        proxy: {
          '/api': {
            target: process.env.VIEWER,
            changeOrigin: true,
            headers: { authorization: `Bearer ${process.env.VIEWER_TOKEN ?? ''}` },
            configure: (proxy) => proxy.on('proxyReq', (request) => ['origin', 'sec-fetch-site'].forEach((h) => request.removeHeader(h))),
          },
        },
      }
    : {},
  build: {
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        // The name tells what is in it, and nothing of the machine.
        hashCharacters: 'hex',
        entryFileNames: 'assets/page-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
}));
