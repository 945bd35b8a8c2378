// vitrine as a peer: this clone's build, in fp32.
import { serveVitrine } from './serve-vitrine.mjs'

serveVitrine('fp32')
