//go:build tools

// Package minio pins the S3 server that onebox builds; go.sum holds the hashes.
package minio

import _ "github.com/minio/minio"
