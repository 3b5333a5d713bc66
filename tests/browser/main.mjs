// Runs the tests of the other files; see run.
import { runAll } from './harness.mjs';
import './application_test.mjs';
import './consent_test.mjs';

await runAll();
