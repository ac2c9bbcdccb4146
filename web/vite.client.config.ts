import { defineConfig } from 'vite';

// The TypeScript client as one module without dependencies, for programs outside.
export default defineConfig({
  root: 'ui',
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    target: 'es2022',
    minify: false,
    lib: { entry: 'src/client.ts', formats: ['es'], fileName: () => 'cordboard.js' },
    copyPublicDir: false,
  },
});
