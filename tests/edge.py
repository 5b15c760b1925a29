"""The edge of the world: the real SDK, whose requests go through `requests`, where `responses` sees them."""

import requests
import workos


class RequestsBackend:
    """The SDK's documented `HTTPBackend` protocol over `requests`."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def request(
        self, method: str, url: str, *, headers: dict[str, str], content: bytes | None, timeout: float
    ) -> workos.HTTPResponse:
        try:
            answer = self.session.request(method, url, headers=headers, data=content, timeout=timeout)
        except requests.Timeout as error:
            raise workos.TransportTimeout(str(error)) from error
        except requests.ConnectionError as error:
            raise workos.TransportConnectError(str(error)) from error
        return workos.HTTPResponse(
            status_code=answer.status_code,
            headers=answer.headers,
            content=answer.content,
            request_method=method,
            request_url=url,
        )

    def close(self) -> None:
        self.session.close()
