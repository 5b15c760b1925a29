"""An HTTP backend for the real SDK that sends through `requests`, where `responses` can intercept it."""

import requests
import workos


class RequestsBackend:
    """Implements the SDK's `HTTPBackend` protocol with `requests`."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def request(
        self, method: str, url: str, *, headers: dict[str, str], content: bytes | None, timeout: float
    ) -> workos.HTTPResponse:
        try:
            response = self.session.request(method, url, headers=headers, data=content, timeout=timeout)
        except requests.Timeout as error:
            raise workos.TransportTimeout(str(error)) from error
        except requests.ConnectionError as error:
            raise workos.TransportConnectError(str(error)) from error
        return workos.HTTPResponse(
            status_code=response.status_code,
            headers=response.headers,
            content=response.content,
            request_method=method,
            request_url=url,
        )

    def close(self) -> None:
        self.session.close()
