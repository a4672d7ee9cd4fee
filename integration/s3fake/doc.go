// Package s3fake is Amazon S3 for tests, as far as an archive needs it: an HTTP
// server that speaks its protocol (REST with XML), keeps to its rules about Object
// Lock, conditional writes and checksums, misbehaves as the real one does on a bad
// day, and lets a test do to what is stored what the owner of a bucket could do.
//
//	fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
//	fake.Misbehave(s3fake.Faults{Seed: 1, Rules: []s3fake.Rule{
//		{Operation: "PutObject", Share: 0.1, Fault: s3fake.CutAfter},
//		{Operation: "PutObject", Share: 0.1, Fault: s3fake.SlowDown},
//	}})
//	... a client at fake.URL() ...
//	for _, v := range fake.Versions("archive") { ... }
//
// Operations: CreateBucket, DeleteBucket, DeleteObject, GetBucketLocation,
// GetBucketVersioning, GetObject, GetObjectLegalHold, GetObjectLockConfiguration,
// GetObjectRetention, GetObjectTagging, HeadBucket, HeadObject, ListBuckets,
// ListObjectVersions, ListObjectsV2, PutBucketVersioning, PutObject,
// PutObjectLegalHold, PutObjectLockConfiguration, PutObjectRetention; anything else is
// 501 NotImplemented. A bucket is named in the path, or before ".s3." in the host.
//
// Rules and errors are those of the API reference,
// https://docs.aws.amazon.com/AmazonS3/latest/API, and of the user guide's chapters on
// Object Lock, conditional requests and checksums. Signatures are looked at for their
// form, their headers and their time, and not computed. Nothing here shares code with
// what it tests.
package s3fake
