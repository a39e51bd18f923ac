"""Taking a kernel away from Kaggle, with all of its versions and outputs. For personal slugs only: see `cli.stop`."""

from __future__ import annotations

from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.door import Rejected, translated
from sahel_nb.kernels.model import KernelRef


def delete(client: KaggleClient, ref: KernelRef) -> None:
    """Delete a kernel, and look whether it is gone: a refusal can come in a 200, which the client takes for success.

    Raises `Rejected` where it is still there, and the errors of `kernels.door`.
    """
    from kagglesdk.kernels.types.kernels_api_service import ApiDeleteKernelRequest

    request = ApiDeleteKernelRequest()
    request.user_name, request.kernel_slug = ref.owner, ref.slug
    with client.api.build_kaggle_client() as sdk, translated(f"deleting {ref}"):
        answer = sdk.kernels.kernels_api_client.delete_kernel(request)
    if client.kernel(ref) is not None:
        why = str(getattr(answer, "error_message", "") or "no reason given")
        raise Rejected(f"{ref} is still there: {why}", hints=(f"python3 -m webbrowser {client.web_url(ref)}",))
