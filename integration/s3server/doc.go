// Package s3server starts S3 servers of others for tests, each with a client of AWS's
// for it: versitygw, which enforces Object Lock on files of this machine, and moto's
// server as a second opinion.
package s3server
