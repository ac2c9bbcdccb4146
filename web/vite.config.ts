import { defineConfig } from 'vite';

// The server a development page talks to: `npm run dev`, or the mock of dev/mock.mjs.
const server = process.env['CORDBOARD_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  root: 'ui',
  base: '/',
  build: {
    outDir: '../dist/app',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy knows no data: addresses
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': { target: server, ws: true } } },
});
