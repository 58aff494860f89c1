import { defineConfig } from 'vitest/config'

/** The package's own name leads to src/, not to dist/, in tests too. */
const conditions = ['perdure-src', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3,
    // A shared machine can be slow for seconds; a test that hangs is told from it by a wide margin.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/reporter.ts'],
  },
})
