import { defineConfig } from 'vitest/config'

/** The package's own name leads to src/, not to dist/, in tests too. */
const conditions = ['perdure-src', 'node', 'import', 'module', 'default']

/**
 * Tests that leave their process as they found it: no variables of the environment, no files, threads or processes but their own.
 * Their files share processes, and with them the modules, so that the package is imported a few times instead of two hundred.
 */
const PURE = 'test/{contract,log,mechanisms,paper,sim,support,testing,types}/**/!(folder|isolation|mutants).test.ts'

/** What `npm test` leaves to the longer checks: processes and disks that are hurt over and over, bugs that are planted and must be found. */
const LONG = ['test/faults/**/*.test.ts', 'test/**/mutants.test.ts']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    // More than cores: many tests wait for other processes, or for time.
    maxWorkers: 4,
    // Of one file, where it says so: a few more than cores, as above.
    maxConcurrency: 3,
    // A shared machine can be slow for seconds; a test that hangs is told from it by a wide margin.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The same for what is waited for: a second, which is the default, is less than a busy machine may pause.
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/reporter.ts'],
    // Projects begin in the order of their names: first what has processes of its own and takes long; the short ones fill up the end.
    projects: [
      { extends: true, test: { name: 'processes', include: ['test/**/*.test.ts'], exclude: [PURE, ...LONG] } },
      { extends: true, test: { name: 'long', include: LONG } },
      { extends: true, test: { name: 'pure', include: [PURE], isolate: false } },
    ],
  },
})
