/**
 * How much of a policy a set of histories has tried (SPEC 10, policies as tests).
 *
 *     const coverage = new Coverage(policy.rcode)
 *     dryRun(policy, history, { observer: coverage.observer })
 *     coverage.report()
 *
 * A section counts as tried when one of its branches was taken, a branch when it was taken, an atom when it was true at one time and
 * false at another: an atom that was only ever true might as well not be there.
 *
 * Boundary: pure, over r-code. An observer makes the interpreter ask every atom of every guard that it comes to, so that none is
 * missed because another had decided already.
 */
import type { Observer } from '../../support/backbone/performed.ts'
import type { RCode } from '../../support/backbone/rcode.ts'
import { conditionText } from './condition-text.ts'
import { atomsIn, type ProgramBranch, type ProgramSection, sectionsOf } from './sections.ts'

export interface Share {
  readonly covered: number
  readonly of: number
}

/** Something that no history has tried. Lines are those of the script. */
export type Gap =
  | { readonly kind: 'section'; readonly line: number }
  | { readonly kind: 'branch'; readonly line: number; readonly word: ProgramBranch['word'] }
  | {
      readonly kind: 'atom'
      readonly line: number
      readonly condition: string
      /** The truth value that it never had; `either` if it was never asked. */
      readonly never: 'true' | 'false' | 'either'
    }

export interface CoverageReport {
  readonly sections: Share
  readonly branches: Share
  readonly atoms: Share
  /** In the order of the text; of a section that was never acted in, its branches are not named again. */
  readonly gaps: readonly Gap[]
}

/** What an atom has been, as bits. */
const WAS_FALSE = 1
const WAS_TRUE = 2
const BOTH = WAS_FALSE | WAS_TRUE

export class Coverage {
  readonly observer: Observer
  readonly #rcode: RCode
  readonly #sections: readonly ProgramSection[]
  readonly #taken = new Set<ProgramBranch>()
  /** By address of an atom. */
  readonly #truths = new Map<number, number>()
  /** What a false guard leads to, by the address of the FALSE: the ELSE right after it, if there is one. */
  readonly #otherwise = new Map<number, ProgramBranch>()
  readonly #decides = new Map<number, ProgramBranch>()

  constructor(rcode: RCode) {
    this.#rcode = rcode
    this.#sections = sectionsOf(rcode)
    for (const { branches } of this.#sections) {
      for (const [at, branch] of branches.entries()) {
        if (branch.decided === undefined) continue
        this.#decides.set(branch.decided, branch)
        const next = branches[at + 1]
        if (next?.word === 'ELSE') this.#otherwise.set(branch.decided, next)
        for (const { address } of branch.guard === undefined ? [] : atomsIn(branch.guard)) this.#truths.set(address, 0)
      }
    }
    this.observer = { evaluated: (address, value) => this.#see(address, value) }
  }

  /** Of all that was observed so far. */
  report(): CoverageReport {
    const branches = this.#sections.flatMap((section) => section.branches)
    const truths = [...this.#truths.values()]
    return {
      sections: share(this.#sections, (section) => this.#isTried(section)),
      branches: share(branches, (branch) => this.#taken.has(branch)),
      atoms: share(truths, (truth) => truth === BOTH),
      gaps: this.#sections.flatMap((section) => this.#gapsOf(section)),
    }
  }

  #see(address: number, value: number): void {
    const truth = this.#truths.get(address)
    if (truth !== undefined) this.#truths.set(address, truth | (value === 0 ? WAS_FALSE : WAS_TRUE))
    const branch = value === 0 ? this.#otherwise.get(address) : this.#decides.get(address)
    if (branch !== undefined) this.#taken.add(branch)
  }

  #isTried({ branches }: ProgramSection): boolean {
    return branches.some((branch) => this.#taken.has(branch))
  }

  #gapsOf(section: ProgramSection): readonly Gap[] {
    const isTried = this.#isTried(section)
    const gaps: Gap[] = isTried ? [] : [{ kind: 'section', line: section.line }]
    for (const branch of section.branches) {
      const { line, word, guard } = branch
      if (isTried && !this.#taken.has(branch)) gaps.push({ kind: 'branch', line, word })
      for (const { address, query } of guard === undefined ? [] : atomsIn(guard)) {
        const truth = this.#truths.get(address) ?? 0
        if (truth === BOTH) continue
        const never = truth === 0 ? 'either' : truth === WAS_TRUE ? 'false' : 'true'
        const condition = conditionText(this.#rcode, address, query)
        gaps.push({ kind: 'atom', line: this.#rcode.lines[address] ?? line, condition, never })
      }
    }
    return gaps
  }
}

function share<T>(all: readonly T[], isCovered: (each: T) => boolean): Share {
  return { covered: all.filter(isCovered).length, of: all.length }
}
