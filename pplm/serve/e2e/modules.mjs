// Packages from TILLER_E2E_MODULES, a folder that has node_modules, or from here.

import { createRequire } from 'node:module';
import path from 'node:path';

const here = import.meta.dirname;

export const load = createRequire(path.join(process.env.TILLER_E2E_MODULES || here, 'package.json'));
