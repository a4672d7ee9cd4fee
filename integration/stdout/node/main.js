'use strict';

// node main.js <library> <format>: logs the scenario of ../README.md to stdout.
// node main.js list names the libraries and formats.

const programs = {
  pino: require('./with_pino'),
  winston: require('./with_winston'),
  bunyan: require('./with_bunyan'),
  console: require('./with_console'),
  none: require('./with_nothing'),
};

const [library, format] = process.argv.slice(2);
if (library === 'list') {
  for (const [name, formats] of Object.entries(programs)) {
    for (const each of Object.keys(formats)) process.stdout.write(`${name} ${each}\n`);
  }
} else if (programs[library]?.[format]) {
  programs[library][format]();
} else {
  process.stderr.write('usage: main.js list | main.js <library> <format>\n');
  process.exitCode = 2;
}
