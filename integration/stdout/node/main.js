'use strict';

// node main.js <library> <format>: logs the scenario of ../README.md to stdout.
// node main.js list names the libraries and formats, node main.js ecs list those that
// log fields of ECS.

const programs = {
  pino: require('./with_pino'),
  winston: require('./with_winston'),
  bunyan: require('./with_bunyan'),
  console: require('./with_console'),
  none: require('./with_nothing'),
};

const ecs = { ecs: require('./with_ecs') };

function list(all) {
  for (const [name, formats] of Object.entries(all)) {
    for (const each of Object.keys(formats)) process.stdout.write(`${name} ${each}\n`);
  }
}

const [library, format] = process.argv.slice(2);
const run = { ...programs, ...ecs }[library]?.[format];
if (library === 'list') {
  list(programs);
} else if (library === 'ecs' && format === 'list') {
  list(ecs);
} else if (run) {
  run();
} else {
  process.stderr.write('usage: main.js list | main.js <library> <format>\n');
  process.exitCode = 2;
}
