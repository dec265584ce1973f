"""A token's life through LogicMonitor's own SDK, unchanged. Prints what each call gave, as one JSON object.

Environment: LM_URL (an origin), LM_ACCESS_ID, LM_ACCESS_KEY.
"""

import json
import os

import logicmonitor_sdk
from logicmonitor_sdk.rest import ApiException


def client(access_id, access_key):
    configuration = logicmonitor_sdk.Configuration()
    configuration.access_id = access_id
    configuration.access_key = access_key
    # `host` is read-only, and `company` builds a public host name.
    configuration._host = os.environ["LM_URL"] + "/santaba/rest"
    return logicmonitor_sdk.LMApi(logicmonitor_sdk.ApiClient(configuration))


def failure(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as error:
        return [error.status, json.loads(error.body)["errorCode"]]
    return None


api = client(os.environ["LM_ACCESS_ID"], os.environ["LM_ACCESS_KEY"])
seen = {}

seen["admins"] = [[admin.id, admin.username] for admin in api.get_admin_list().items]

made = api.add_api_token_by_admin_id(32, {"note": "Zoë – 世界 🚀 \"x\" C:\\Inst"})
seen["made"] = [made.note, made.status, made.admin_id, made.created_by, made.roles]
bearer = api.add_api_token_by_admin_id(32, logicmonitor_sdk.APIToken(note="b"), type="bearer")
seen["bearer"] = [bearer.access_key[:4], bearer.access_id]
seen["empty"] = api.add_api_token_by_admin_id(33, {}).note

own = api.get_api_token_list_by_admin_id(32, filter='accessId:"%s"' % made.access_id)
seen["own"] = [own.total, [token.id == made.id for token in own.items], own.items[0].access_key]
page = api.get_api_token_list(size=1, offset=1, fields="id,note", filter="id>0")
seen["page"] = [page.total, [token.note == made.note for token in page.items]]

patched = api.patch_api_token_by_admin_id(32, made.id, {"status": 1})
seen["patched"] = [patched.status, patched.note == made.note]
minted = client(made.access_id, made.access_key)
seen["disabled"] = failure(minted.get_api_token_list)
seen["put"] = api.update_api_token_by_admin_id(32, made.id, {"note": "put"}).status
seen["enabled"] = minted.get_api_token_list().total

api.delete_api_token_by_id(32, made.id)
seen["deleted again"] = failure(api.delete_api_token_by_id, 32, made.id)
seen["unknown admin"] = failure(api.add_api_token_by_admin_id, 99, {})
seen["wrong key"] = failure(client(os.environ["LM_ACCESS_ID"], "wrong").get_admin_list)

print(json.dumps(seen))
