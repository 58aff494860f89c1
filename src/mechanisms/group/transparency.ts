/**
 * How far a group looks like what it stands for: its types.
 *
 * A group answers at once when all its members do, so every method keeps the type that the class gave it exactly when that method is
 * synchronous in all variants, they live in this process, and no acceptance test is asynchronous. All others give a promise of the
 * same result. Nothing of it is written twice: it follows from the class and the options of the strategy.
 *
 * Boundary: types only; nothing of this file is left at run time, where `dependable.ts` checks for programs without types.
 */
import type { AnyClass } from '../../support/interception.ts'
import type { StrategyOptions } from './strategy.ts'

/** What a client of a group of `T` has; `O`: the options of the strategy and of the group. */
export type Dependable<T extends object, O> = Transparent<T, MemberOf<T, O>, O>

/** What a client of a group of ready objects has: all that every one of them has. */
export type Common<M extends Readonly<Record<string, object>>, O> = Shared<M[keyof M], O>

type Shared<I extends object, O> = {
  readonly [K in Extract<keyof I, PropertyKey>]: IsCall<I, K, O> extends true
    ? [ResultOf<I[K]>] extends [PromiseLike<unknown>]
      ? I[K]
      : IsAsync<I, K, I, O> extends true
        ? Promised<I[K]>
        : I[K]
    : I[K]
}

/** The class that `dependable` makes: static members are kept, but for `create`. */
export type DependableClass<C extends AnyClass, O> = Omit<C, 'prototype' | 'create'> &
  (O extends { readonly site: object } ? BornInSite<C, O> : BornHere<C, O>)

interface BornHere<C extends AnyClass, O> {
  new (...args: ConstructorParameters<C>): Dependable<InstanceType<C>, O>
  readonly prototype: InstanceType<C>
  /** As `new`, for programs that shall not care where groups live. */
  create(...args: ConstructorParameters<C>): Promise<Dependable<InstanceType<C>, O>>
}

interface BornInSite<C extends AnyClass, O> {
  readonly prototype: InstanceType<C>
  /** The group with the name of its definition and this key: made when there is none, with these arguments. */
  create(identity: SiteIdentity<ConstructorParameters<C>>): Promise<Dependable<InstanceType<C>, O>>
}

/** The options of a strategy; one that has lost the type of its options may have any. */
export type Known<O> = unknown extends O ? StrategyOptions : O

export interface SiteIdentity<A extends readonly unknown[] = readonly unknown[]> {
  readonly key: string
  /** Of the constructor. Default: none. */
  readonly args?: A
}

/** What a strategy must be besides to suit the class: nothing, or else something that no strategy is and that names the misfit. */
export type Suits<C extends AnyClass, O> = [MisfitOf<C, VariantOf<O>>] extends [never]
  ? SuitsAlone<C, O>
  : Misfit<MisfitOf<C, VariantOf<O>>>

/** The compiler shows it when a variant does not suit the class that it is a variant of. */
export interface Misfit<Why> {
  readonly 'a variant does not suit the class': Why
}

/** Only a class that can be constructed may be its own only variant. */
type SuitsAlone<C extends AnyClass, O> = 'variants' extends keyof O
  ? unknown
  : C extends new (
        ...args: never[]
      ) => object
    ? unknown
    : Misfit<'an abstract class needs variants'>

type Transparent<T extends object, I, O> = [ChangedKeys<T, I, O>] extends [never]
  ? T
  : { [K in keyof T as Kept<T, K, O>]: K extends ChangedKeys<T, I, O> ? Promised<T[K]> : T[K] }

/** Fields live where the object lives: elsewhere they are seen by calls only. */
type Kept<T, K extends keyof T, O> = K extends 'then'
  ? never
  : O extends Elsewhere
    ? T[K] extends Method
      ? K
      : O extends { readonly methods: readonly (infer M)[] }
        ? K & M
        : never
    : K

/** Those whose type cannot stay: calls that may go asynchronous and have not been so before. */
type ChangedKeys<T, I, O> = {
  [K in keyof T]-?: IsPromise<ResultOf<T[K]>> extends true
    ? never
    : IsCall<T, K, O> extends true
      ? IsAsync<T, K, I, O> extends true
        ? K
        : never
      : never
}[keyof T]

type IsCall<T, K extends keyof T, O> = O extends { readonly methods: readonly (infer M)[] }
  ? K extends M
    ? true
    : false
  : T[K] extends Method | undefined
    ? true
    : false

type IsAsync<T, K extends keyof T, I, O> = O extends Elsewhere
  ? true
  : O extends { readonly accept: (...args: never[]) => infer A }
    ? IsPromise<A> extends true
      ? true
      : AnyIsPromise<T, K, I, O>
    : AnyIsPromise<T, K, I, O>

type Elsewhere = { readonly isolate: string } | { readonly site: object }

type AnyIsPromise<T, K extends keyof T, I, O> = O extends { readonly operations: infer P }
  ? K extends keyof P
    ? IsPromise<ResultOf<T[keyof T & OperationsOf<P[K]>]>>
    : IsPromise<MemberResult<I, K>>
  : IsPromise<MemberResult<I, K>>

type OperationsOf<P> = P extends readonly (infer N)[] ? N : never

type MemberResult<I, K> = I extends unknown ? (K extends keyof I ? ResultOf<I[K]> : never) : never

type Method = (...args: never[]) => unknown

type ResultOf<F> = F extends (...args: never[]) => infer R ? R : F

/** Also where it is one among others; `any` counts, since it may be one. */
type IsPromise<R> = [Extract<R, PromiseLike<unknown>>] extends [never] ? false : true

type Promised<F> = F extends (...args: infer P) => infer R ? (...args: P) => Promise<Awaited<R>> : Promise<Awaited<F>>

/** The types of the members, as a union. A strategy that has lost the types of its variants may have any, also asynchronous ones. */
type MemberOf<T, O> = 'variants' extends keyof O
  ? O extends { readonly variants: unknown }
    ? InstanceOf<VariantOf<O>, T>
    : Remote<T>
  : T

type InstanceOf<V, T> = V extends { readonly node: string } ? Remote<T> : V extends AnyClass<infer I> ? I : Remote<T>

/** A member whose methods all give promises. */
type Remote<T> = { readonly [K in keyof T]-?: () => Promise<unknown> }

/** The variants, as a union; of a function that makes them, those that it says it gives. */
type VariantOf<O> = O extends { readonly variants: infer V }
  ? V extends readonly (infer E)[]
    ? E
    : V extends (...args: never[]) => readonly (infer E)[]
      ? E
      : never
  : never

/** Distributes over the variants: what does not suit is in the result, and nothing of what does. */
type MisfitOf<C extends AnyClass, V> = V extends { readonly variant: infer P }
  ? MisfitOf<C, P>
  : V extends AnyClass<infer I>
    ? V extends abstract new (
        ...args: ConstructorParameters<C>
      ) => object
      ? MisfitKeys<InstanceType<C>, I>
      : 'constructor'
    : never

type MisfitKeys<T, I> = { [K in keyof T]-?: K extends keyof I ? MisfitKey<T, K, I[K]> : OptionalKey<T, K> }[keyof T]

type MisfitKey<T, K extends keyof T, F> = F extends T[K] ? never : F extends Allowed<T[K]> ? never : K

/** A variant may be asynchronous where the class is not. */
type Allowed<F> = F extends (...args: infer P) => infer R ? (...args: P) => R | PromiseLike<Awaited<R>> : F

type OptionalKey<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? never : K
