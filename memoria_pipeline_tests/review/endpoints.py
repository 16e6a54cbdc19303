"""Who may call what: the whole of it on one page, for a person to read.

A cell is the status that the answer has; `200*3`: a list with three things in it. The event of the
test has three photos with two people on each. The member is linked to one of them; the guest is
tagged by hand on the first photo; the stranger belongs to no event. What is asked for in each call,
calls.py says: whatever is named exists, and the organiser's call is a good one.
"""

ROLES = ("nobody", "stranger", "guest", "member", "photographer", "organiser", "service")

API = """
                                         nobody stranger guest  member photogr organis service
GET    /health                              200    200    200    200    200    200    200
GET    /events                              401  200*0  200*1  200*1  200*1  200*1    403
POST   /events                              401    201    201    201    201    201    403
GET    /event/{event_id}                    401    404    200    200    200    200    403
PATCH  /event/{event_id}                    401    404    403    403    403    200    403
GET    /event/{event_id}/progress           401    404    200    200    200    200    403
GET    /event/{event_id}/members            401    404  200*1  200*1  200*1  200*4    403
POST   /event/{event_id}/members            401    404    403    403    403    201    403
GET    /event/{event_id}/decisions          401    404  200*0  200*0  200*0  200*1    403
GET    /event/{event_id}/invitations        401    404  200*0  200*0  200*0  200*1    403
GET    /event/{event_id}/runs               401    404  200*0  200*0  200*0  200*1    403
POST   /run/{run_id}/{answer}               401    404    404    404    404    202    403
GET    /event/{event_id}/people             401    404  200*0  200*1  200*0  200*2    403
GET    /event/{event_id}/face-persons       401    404  200*0  200*1  200*0  200*2    403
GET    /face-persons                        401    404  200*0  200*1  200*0  200*2    403
GET    /person/{person_id}                  401    404    404    200    404    200    403
GET    /person/{person_id}/faces            401    404    404  200*3    404  200*3    403
GET    /person/{person_id}/history          401    404    404  200*0    404  200*1    403
POST   /person/{person_id}/link-user        401    404    404    403    404    200    403
POST   /person/{person_id}/unassign         401    404    404    403    404    200    403
POST   /person/{person_id}/invite           401    404    404    403    404    200    403
POST   /person/{person_id}/merge            401    404    404    403    404    200    403
POST   /person/{person_id}/split            401    404    404    403    404    200    403
POST   /person/{person_id}/ignore           401    404    404    403    404    200    403
POST   /person/{person_id}/confirm          401    404    404    403    404    200    403
POST   /person/{person_id}/reject           401    404    404    403    404    200    403
POST   /event/{event_id}/move               401    404    403    403    403    200    403
POST   /event/{event_id}/not-a-face         401    404    403    403    403    200    403
POST   /event/{event_id}/ignore-faces       401    404    403    403    403    200    403
POST   /media/{media_id}/ignore-others      401    404    404    403    403    200    403
POST   /decision/{decision_id}/undo         401    404    404    404    404    200    403
POST   /event/{event_id}/undo               401    404    403    403    403    200    403
POST   /face-person-actions                 401    404    404    403    404    200    403
GET    /event/{event_id}/questions          401    404  200*0  200*0  200*0  200*1    403
POST   /question/{question_id}/answer       401    404    404    404    404    200    403
GET    /event/{event_id}/media              401    404  200*1  200*3  200*3  200*3    403
POST   /event/{event_id}/photos             401    404    403    403    201    201    403
GET    /media/{media_id}                    401    404    404    200    200    200    403
GET    /media/{media_id}/tags               401    404    404  200*1  200*0  200*1    403
POST   /media/{media_id}/tags               401    404    404    201    201    201    403
DELETE /media/{media_id}/tags/{user_id}     401    404    404    204    404    204    403
GET    /user/{user_id}/tags                 401    404  200*0  200*3  200*0  200*3    403
GET    /event/{event_id}/hidden             401    404  200*0  200*0  200*0  200*0    403
POST   /event/{event_id}/hidden             401    404    403  200*1    403  200*1    403
DELETE /event/{event_id}/hidden/{user_id}   401    404    403    204    403    204    403
GET    /event/{event_id}/audit              401    404  200*1  200*1  200*1  200*1    403
GET    /event/{event_id}/consents           401    404    200    200    200    200    403
POST   /event/{event_id}/consents           401    404    201    201    201    201    403
DELETE /event/{event_id}/consents           401    404    200    200    200    200    403
POST   /event/{event_id}/selfie             401    404    409    409    409    409    403
POST   /invitation/look                     200    200    200    200    200    200    200
POST   /invitation/accept                   200    200    200    200    200    200    200
POST   /ml/enqueue                          401    404    403    403    200    200    200
POST   /ml-enqueue                          401    404    403    403    200    200    200
POST   /ml/callback                         401    401    401    401    401    401    401
POST   /ml-callback                         401    401    401    401    401    401    401
POST   /cluster                             401    403    403    403    403    403    202
GET    /ml/jobs/{job_id}                    401    403    403    403    403    403    200
POST   /privacy/purge                       401    404    403    403    403    200    200
POST   /process                             401    403    403    403    403    403    422
GET    /pictures/photo/{event}/{media}      403    403    403    403    403    403    403
GET    /pictures/face/{event}/{face}        403    403    403    403    403    403    403
"""
"""Pictures: without a signature. A signed address is one for whoever holds it. Selfie: by a text
that counts no more; the whole story is in test_consents.py."""

PAGES = """
                                                              nobody stranger guest  member photogr organis service
GET    /sign-in                                                  200    200    200    200    200    200    200
POST   /sign-in                                                  422    422    422    422    422    422    422
GET    /sign-in/{token}                                          200    200    200    200    200    200    200
POST   /sign-in/{token}                                          410    410    410    410    410    410    410
POST   /sign-out                                                 303    303    303    303    303    303    303
GET    /invitation/{token}                                       410    410    410    410    410    410    410
POST   /invitation/{token}                                       422    422    422    422    422    422    422
GET    /policy                                                   200    200    200    200    200    200    200
GET    /                                                         401    200    200    200    200    200    403
GET    /review/new                                               401    200    200    200    200    200    403
POST   /review/new                                               401    422    422    422    422    422    403
GET    /review/{event_id}                                        401    404    303    303    303    200    403
GET    /review/{event_id}/settings                               401    404    403    403    403    200    403
POST   /review/{event_id}/settings                               401    404    403    403    403    422    403
POST   /review/{event_id}/members                                401    404    422    422    422    422    403
GET    /review/{event_id}/people                                 401    404    403    403    403    200    403
GET    /review/{event_id}/progress                               401    404    403    403    403    200    403
GET    /review/{event_id}/questions                              401    404    403    403    403    200    403
POST   /review/{event_id}/questions/{question_id}                401    404    403    403    403    422    403
GET    /review/{event_id}/questions/{question_id}/faces          401    404    403    403    403    422    403
POST   /review/{event_id}/merge                                  401    404    422    422    422    422    403
POST   /review/{event_id}/ignore                                 401    404    422    422    422    422    403
POST   /review/{event_id}/not-a-face                             401    404    422    422    422    422    403
POST   /review/{event_id}/ignore-faces                           401    404    422    422    422    422    403
POST   /review/{event_id}/move                                   401    404    422    422    422    422    403
POST   /review/{event_id}/undo                                   401    404    204    204    204    204    403
GET    /review/{event_id}/person/{person_id}                     401    404    403    403    403    200    403
GET    /review/{event_id}/person/{person_id}/members             401    404    403    403    403    200    403
GET    /review/{event_id}/person/{person_id}/others              401    404    403    403    403    200    403
GET    /review/{event_id}/person/{person_id}/merge/{other_id}    401    404    403    403    403    200    403
POST   /review/{event_id}/person/{person_id}/assign              401    404    403    403    403    204    403
POST   /review/{event_id}/person/{person_id}/unassign            401    404    404    403    404    204    403
POST   /review/{event_id}/person/{person_id}/invite              401    404    422    422    422    422    403
POST   /review/{event_id}/person/{person_id}/erase               401    404    403    403    403    422    403
POST   /review/{event_id}/person/{person_id}/split               401    404    422    422    422    422    403
POST   /review/{event_id}/person/{person_id}/reject              401    404    422    422    422    422    403
GET    /review/{event_id}/me                                     401    404    200    200    200    200    403
POST   /review/{event_id}/me/selfie                              401    404    422    422    422    422    403
POST   /review/{event_id}/me/consent                             401    404    422    422    422    422    403
POST   /review/{event_id}/me/take-back                           401    404    422    422    422    422    403
POST   /review/{event_id}/me/erase                               401    404    422    422    422    422    403
GET    /review/{event_id}/photos                                 401    404    200    200    200    200    403
POST   /review/{event_id}/photos                                 401    404    403    403    422    422    403
GET    /review/{event_id}/photo/{media_id}                       401    404    404    200    200    200    403
GET    /review/{event_id}/photo/{media_id}/face/{face_id}        401    404    403    403    403    200    403
GET    /review/{event_id}/photo/{media_id}/face/{face_id}/people 401    404    403    403    403    200    403
POST   /review/{event_id}/photo/{media_id}/ignore-others         401    404    404    403    403    204    403
POST   /review/{event_id}/photo/{media_id}/tags                  401    404    422    422    422    422    403
DELETE /review/{event_id}/photo/{media_id}/tags/{user_id}        401    404    404    204    404    204    403
GET    /review/{event_id}/runs                                   401    404    403    403    403    200    403
POST   /review/{event_id}/run/{run_id}/{answer}                  401    404    404    404    404    204    403
GET    /review/{event_id}/audit                                  401    404    200    200    200    200    403
POST   /review/{event_id}/hidden                                 401    404    303    303    303    303    403
GET    /review/{event_id}/history                                401    404    403    403    403    200    403
"""  # noqa: E501
"""Forms are sent empty: 422 is for who gets as far as the form; what it does, the API does too."""
