"""The index of known weaknesses of the published description: which test shows that each of them is absent here.

The keys are the numbers of the specification: TOKENS (`W n`) tokens.md §14, API api.md §15, and what OTHERS says. The values are names of tests: of a
GoogleTest (Suite.name) or of a Python test below tests/. The name says the number. test_weaknesses.py fails if a number is missing or
a named test is not in the tree. LATER names what concerns features that do not exist yet, with the reason.
"""

TOKENS = {
    1: ["Random.W1_bytes_are_fresh_each_time"],
    2: ["Codes.W2_a_copy_of_the_database_is_no_help_in_guessing_a_code"],
    3: ["Classify.W3_signatures_of_every_algorithm_are_recognised"],
    4: ["RestrictionsRequest.W4_ip_is_the_older_name_of_hosts",
        "RestrictionsClaim.W4_ip_of_an_old_token_binds"],
    5: ["Access.W5_the_clauses_audiences_are_asked_for_when_none_is_requested",
        "Access.W5_requested_scopes_count_for_a_token_without_restrictions_too"],
    6: ["Codes.W6_exactly_one_of_200_parallel_redemptions_gets_the_token"],
    7: ["Access.W7_a_usage_limit_of_one_admits_exactly_one_of_1000_parallel_requests",
        "TwoServersOnPostgresql.W7_a_usage_limit_of_one_admits_exactly_one_of_1000_parallel_requests"],
    8: ["Rotation.W8_lifetime_never_outlives_the_restrictions"],
    9: ["Access.W9_sub_tokens_share_the_budget_of_the_clause_they_were_fitted_into"],
    10: ["OtherTokens.test_W10_a_token_without_restrictions_is_logged_and_rotated_like_others",
         "Tokeninfo.W10_tokens_without_restrictions_log_and_rotate_too"],
    11: ["TokenModel.test_W11_a_rotated_short_token_is_replaced_by_a_short_token",
         "Codes.W11_codes_of_a_rotated_token_are_unknown"],
    12: ["TokenModel.test_W12_transfer_codes_that_are_switched_off_are_not_made",
         "Representation.W12_the_request_decides_unless_the_feature_is_off"],
    13: ["Codes.W13_a_first_representation_that_is_not_valid_yet_can_be_redeemed",
         "Codes.W13_a_code_of_a_short_token_gives_the_same_short_token"],
    14: ["Restrictions.W14_a_maximum_lifetime_caps_a_copy",
         "Subtoken.W14_the_maximum_lifetime_caps_a_copy_and_only_then_refuses"],
    16: ["Verification.W16_countries_ignore_case_in_both_directions",
         "Countries.W16_countries_are_compared_without_regard_to_case"],
    17: ["Access.W17_a_restriction_to_hosts_is_enforced_with_confirmed_names"],
    18: ["Tightening.W18_names_are_asked_only_for_single_addresses_under_names"],
    19: ["ProviderFeedback.W19_narrows_but_never_empties_a_limited_list"],
    20: ["Tightening.W20_clauses_of_one_text_have_one_budget_and_the_first_is_charged",
         "RestrictionsRequest.W20_negative_usages_are_refused"],
    21: ["Capabilities.W21_an_explicit_empty_list_is_not_everything"],
    22: ["Access.W22_reuse_of_a_rotated_away_token_revokes_the_family_if_it_asked_for_that",
         "Access.W22_a_passed_lifetime_is_no_theft"],
    23: ["Revoke.W23_a_child_of_a_revoked_middle_falls_with_its_grandparent",
         "Purge.W23_children_of_a_removed_token_belong_to_its_parent"],
    24: ["ClientAddress.W24_the_header_of_an_untrusted_peer_is_ignored"],
    25: ["Revoke.W25_an_outdated_token_revokes_nothing_unless_its_chain_asked_for_that",
         "OtherTokens.test_W25_a_token_that_names_itself_dies_and_is_not_rotated",
         "RevokeOther.W25_a_revoked_or_outdated_token_authorises_nothing"],
    26: ["Revoke.W26_reuse_of_an_outdated_token_ends_the_session_at_the_provider_too",
         "Revoke.W26_reuse_of_a_token_rotated_away_long_ago_leaves_no_ciphertext_behind",
         "OtherTokens.test_W26_the_session_ends_with_a_family_that_ends_by_reuse",
         "OtherTokens.test_W26_the_session_ends_with_the_last_token_that_is_revoked_by_mom_id",
         "RevokeOther.W26_the_last_token_of_another_login_leaves_no_ciphertext",
         "Purge.W26_a_refresh_token_goes_with_its_last_mytoken"],
    27: ["OtherTokens.test_W27_a_form_revokes_the_token_that_it_names"],
    28: ["Verification.W28_hosts_are_networks_before_they_are_names"],
    29: ["Access.W29_a_successor_in_an_unusable_answer_is_kept"],
    30: ["MomId.W30_compares_byte_for_byte",
         "OtherTokens.test_W30_ids_in_another_case_are_other_ids",
         "RevokeOther.W30_ids_are_compared_byte_for_byte"],
    31: ["TokenModel.test_W31_a_name_of_the_greatest_length_fits_into_the_event_of_its_parent"],
    32: ["TokenModel.test_W32_other_uses_without_a_limit_of_access_tokens",
         "Tokeninfo.W32_a_limit_of_other_uses_alone_admits_exactly_as_many"],
    33: ["OtherTokens.test_W33_history_of_others_needs_its_capability_and_that_of_all_includes_the_own",
         "Tokeninfo.W33_every_selector_obeys_one_rule"],
    35: ["Jws.W35_the_token_does_not_choose_the_algorithm"],
    36: ["TokenModel.test_W36_consent_replaces_this_and_checks_like_the_start", "Login.W36_consent_passes_the_checks_of_the_start"],
    38: ["TokenModel.test_W38_revocation_clears_the_cookie_under_every_domain_it_may_have"],
    39: ["Revoke.W39_tokens_outside_their_time_can_be_revoked"],
}
TOKENS_LATER = {
    15: "counters under the older hash exist in imported databases only: with the import",
    34: "notifications",
    37: "notifications",
}
API = {
    1: ["Codes.test_api_weakness_1_a_polling_code_does_not_follow_from_what_others_see"],
    2: ["Codes.test_api_weakness_2_codes_made_in_one_moment_are_all_different"],
    3: ["Codes.test_api_weakness_3_one_of_many_gets_the_token_of_a_code"],
    4: ["Codes.test_api_weakness_4_a_code_of_the_other_kind_is_refused_and_stays"],
    5: ["Codes.test_api_weakness_5_no_log_contains_a_token_or_code"],
    6: ["Audiences.test_api_weakness_6_the_audiences_of_the_clause_are_asked_for"],
    7: ["Authorisation.test_api_weakness_7_a_requested_scope_counts_without_restrictions"],
    8: ["Authorisation.test_api_weakness_8_error_on_restrictions_refuses_what_is_too_wide"],
    9: ["Authorisation.test_api_weakness_9_ip_is_hosts_and_unknown_members_are_refused"],
    10: ["OtherTokens.test_api_weakness_10_revocation_of_others_checks_who_asks"],
    11: ["OtherTokens.test_api_weakness_11_the_older_name_of_mom_id_in_a_form_is_honoured"],
    12: ["OtherTokens.test_api_weakness_12_tokeninfo_obeys_its_switches_and_names_others_by_mom_id"],
    13: ["Writers.test_api_weakness_13_any_user_name_with_an_empty_password"],
    14: ["Authorisation.test_api_weakness_14_the_end_of_a_rotation_lifetime_is_no_theft"],
    15: ["Authorisation.test_api_weakness_15_an_unknown_token_in_the_body_does_not_fall_through"],
    16: ["Authorisation.test_api_weakness_16_consent_from_elsewhere_and_foreign_redirects_are_refused"],
    17: ["Robustness.test_api_weakness_17_what_crashed_the_reference_is_an_ordinary_answer"],
    18: ["Robustness.test_api_weakness_18_names_have_their_limit_and_long_ones_their_events"],
    19: ["Refresh.test_api_weakness_19_a_page_instead_of_a_token_is_a_bad_gateway",
         "Audiences.test_api_weakness_19_all_audiences_are_in_the_authorization_request"],
    21: ["Authorisation.test_api_weakness_21_an_empty_list_of_capabilities_is_refused_and_cookies_are_left_alone"],
    22: ["Guest.test_api_weakness_22_the_state_is_percent_encoded",
         "Guests.api_weakness_22_what_is_remembered_of_guests_is_bounded_and_forgotten"],
    23: ["Protocol.test_api_weakness_23_errors_are_objects_and_a_body_token_is_judged_alike_everywhere"],
    24: ["Protocol.test_api_weakness_24_answers_are_not_stored_and_bodies_and_headers_are_bounded"],
    25: ["Protocol.test_api_weakness_25_a_slash_of_the_issuer_does_not_matter_and_what_is_off_is_not_advertised"],
}
API_LATER = {
    20: "notifications and calendars",
}
OTHERS = {  # prefix of the names -> {number: tests}; oidc: oidc.md §20, profiles: profiles.md §7, settings: settings.md §7
    "oidc": {
        5: ["ClaimTest.oidc_weakness_5_userinfo_is_read_and_only_about_this_user",
            "EnforcedRestrictions.oidc_weakness_5_userinfo_and_urls_are_sources"],
        15: ["EnforcedRestrictions.oidc_weakness_15_of_several_matches_the_operators_first_counts",
             "EnforcedRestrictions.oidc_weakness_15_what_does_not_fit_becomes_the_template_and_the_user_is_told",
             "Config.oidc_weakness_15_enforced_restrictions_are_read_in_the_order_of_the_file",
             "Enforced.test_oidc_weakness_15_who_gets_less_is_told_so"],
    },
    "profiles": {
        1: ["Config.profiles_weakness_1_a_group_of_templates_has_a_name_and_a_password",
            "GroupPasswordsTest.profiles_weakness_1_a_group_without_password_is_opened_by_none",
            "OwnServers.test_profiles_weakness_1_wrong_passwords_are_limited",
            "Writers.test_profiles_weakness_1_a_group_without_a_password_is_nobody_s",
            "Writers.test_profiles_weakness_1_an_empty_password",
            "Writers.test_profiles_weakness_1_no_name_and_no_password"],
        2: ["Profiles.profiles_weakness_2_a_failing_include_refuses_the_request",
            "Templates.profiles_weakness_2_no_part_of_a_request_is_lost_in_a_merge",
            "TemplatesInRequests.test_profiles_weakness_2_objects_and_names_meet",
            "TemplatesInRequests.test_profiles_weakness_2_what_cannot_be_merged"],
        3: ["Templates.profiles_weakness_3_empty_names_are_no_crash",
            "TemplatesInRequests.test_profiles_weakness_3_a_blank_too_many",
            "TemplatesInRequests.test_profiles_weakness_3_no_name"],
        4: ["Profiles.profiles_weakness_4_a_cycle_is_refused_on_writing_and_on_use",
            "Templates.profiles_weakness_4_cycles_are_refused",
            "Templates.profiles_weakness_4_lists_have_a_length_limit",
            "Templates.profiles_weakness_4_sixteen_levels_are_enough",
            "Templates.profiles_weakness_4_what_is_taken_in_has_a_size_limit",
            "Writers.test_profiles_weakness_4_an_entry_that_includes_itself"],
        5: ["Templates.profiles_weakness_5_null_is_absent"],
        6: ["TemplatesInRequests.test_profiles_weakness_6_error_on_restrictions_counts_beside_templates",
            "TemplatesInRequests.test_profiles_weakness_6_without_it_the_parent_s_restrictions_hold"],
        7: ["Templates.profiles_weakness_7_includes_unite_lists"],
        8: ["Profiles.profiles_weakness_8_a_written_entry_counts_at_once_and_times_are_of_the_request",
            "Templates.profiles_weakness_8_times_stay_relative"],
        9: ["Profiles.profiles_weakness_9_one_broken_entry_does_not_hide_the_others",
            "Writers.test_profiles_weakness_9_an_empty_name"],
        10: ["Templates.profiles_weakness_10_ip_is_hosts",
             "TemplatesInRequests.test_profiles_weakness_10_the_old_name_of_hosts"],
    },
    "settings": {
        4: ["IdentityTest.settings_weakness_4_an_email_nobody_has_stays_absent"],
        7: ["SettingsOfUsers.settings_weakness_7_what_fails_is_neither_counted_nor_rotated"],
        8: ["SettingsOfUsers.settings_weakness_8_a_token_without_restrictions_has_no_usage_to_count"],
        9: ["SettingsOfUsers.settings_weakness_9_a_name_that_is_taken_is_a_conflict_and_an_unknown_one_is_not_found",
            "Tag.settings_weakness_9_a_color_that_does_not_fit_is_refused"],
    },
}
OTHERS_LATER = {
    "settings": {
        1: "notifications",
        2: "e-mail",
        3: "e-mail",
        5: "e-mail",
        6: "e-mail by ssh",
        10: "e-mail",
        11: "e-mail",
    },
}


def tests_of_the_tree():
    """The names of all tests of the server: Suite.name of GoogleTests, Class.name of Python's.

    The command and its library have numbers and an index of their own (tests/cli/weaknesses.py).
    """
    import pathlib
    import re
    root = pathlib.Path(__file__).resolve().parents[1]
    found = set()
    of_the_command = [root / "cli", root / "unit" / "cli", root / "unit" / "client"]

    def files(pattern):
        return (file for file in root.rglob(pattern) if not any(file.is_relative_to(folder) for folder in of_the_command))

    for file in files("*.cpp"):
        found |= {f"{s}.{n}" for s, n in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", file.read_text(), re.MULTILINE)}
    for file in files("test_*.py"):
        suite = ""
        for line in file.read_text().splitlines():
            if begins := re.match(r"class (\w+)", line) or re.search(r'\btable\("(\w+)"', line):
                suite = begins[1]
            if test := re.match(r"    def (test_\w+)", line):
                found.add(f"{suite}.{test[1]}")
            elif row := re.search(r'\bRow\("([^"]+)"', line):
                found.add(f"{suite}.test_" + re.sub(r"\W+", "_", row[1]).strip("_"))
    return found
