"""make_bucket.py ENDPOINT KEY SECRET BUCKET: makes a bucket on an S3 server that may still be starting."""

import sys
import time

from pyarrow import fs


def main(endpoint: str, key: str, secret: str, bucket: str) -> None:
    s3 = fs.S3FileSystem(access_key=key, secret_key=secret, endpoint_override=endpoint, scheme="http",
                         region="us-east-1", allow_bucket_creation=True, connect_timeout=2, request_timeout=5)
    deadline = time.monotonic() + 30
    while True:
        try:
            return s3.create_dir(bucket)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


main(*sys.argv[1:])
