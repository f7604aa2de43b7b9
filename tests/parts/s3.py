"""Real servers of S3's API."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from typing import ClassVar

import boto3
from botocore.config import Config


class S3Server:
    """What tests know of a server."""

    name: ClassVar[str]
    key: ClassVar[str]
    secret: ClassVar[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def disk(self, bucket: str, port: int | None = None, **options: Any) -> dict[str, Any]:
        """The options of a disk on ``bucket``.

        :param port: that of a proxy to the server.
        """
        endpoint = f"http://127.0.0.1:{port or self.port}"
        account = {"endpoint": endpoint, "key": self.key, "secret": self.secret}
        return {"driver": "s3", "bucket": bucket, **account, **options}

    @cached_property
    def client(self) -> Any:
        """boto3's own, to look at the server with."""
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=config,
        )

    def allow_pages(self, bucket: str) -> None:
        """Let pages of every origin upload to a bucket."""
        rule = {"AllowedMethods": ["PUT", "POST"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
        self.client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})

    def stop(self) -> None:
        raise NotImplementedError
